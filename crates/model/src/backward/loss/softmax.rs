//! Losses of one row of logits.

use crate::evaluate::softmax::{First, Pair};
use kerf_kernels::Compute;

/// -ln of the probability of `target`; `row` becomes `share` times its gradient.
pub(super) fn cross_entropy(compute: &Compute, row: &mut [f32], target: usize, share: f32) -> f64 {
    let loss = f64::from(compute.kernels.log_sum_exp(row)) - f64::from(row[target]);
    compute.kernels.softmax(row);
    row[target] -= 1.0;
    row.iter_mut().for_each(|value| *value *= share);
    loss
}

/// T^2 KL of the softmax of `teacher` / T to that of `row` / T, for a temperature T; `row` becomes `share` times its gradient.
pub(super) fn divergence(
    compute: &Compute,
    row: &mut [f32],
    teacher: &[f32],
    temperature: f32,
    share: f32,
) -> f64 {
    let mut wanted = teacher.to_vec();
    for logits in [&mut *row, &mut wanted] {
        logits.iter_mut().for_each(|logit| *logit /= temperature);
    }
    let pair = Pair::of(compute, &First::of(compute, &wanted), &wanted, row);
    compute.kernels.softmax(&mut wanted);
    compute.kernels.softmax(row);
    let factor = share * temperature;
    for (own, wanted) in row.iter_mut().zip(&wanted) {
        *own = (*own - wanted) * factor;
    }
    pair.kl * f64::from(temperature).powi(2)
}
