//! Cross-entropy of one row of logits.

use kerf_kernels::Compute;

/// -ln of the probability of `target`; `row` becomes `share` times its gradient.
pub(super) fn cross_entropy(compute: &Compute, row: &mut [f32], target: usize, share: f32) -> f64 {
    let loss = f64::from(compute.kernels.log_sum_exp(row)) - f64::from(row[target]);
    compute.kernels.softmax(row);
    row[target] -= 1.0;
    row.iter_mut().for_each(|value| *value *= share);
    loss
}
