//! Losses of one row of logits.

use kerf_kernels::Compute;

/// -ln of the probability of `target`; `row` becomes `share` times its gradient.
pub(super) fn cross_entropy(compute: &Compute, row: &mut [f32], target: usize, share: f32) -> f64 {
    let loss = f64::from(compute.kernels.log_sum_exp(row)) - f64::from(row[target]);
    compute.kernels.softmax(row);
    row[target] -= 1.0;
    row.iter_mut().for_each(|value| *value *= share);
    loss
}

/// KL(wanted || softmax of the row), where `wanted` are probabilities; `row` becomes `share` times its gradient.
pub(super) fn divergence(compute: &Compute, row: &mut [f32], wanted: &[f32], share: f32) -> f64 {
    let sum = f64::from(compute.kernels.log_sum_exp(row));
    let pairs = row.iter().zip(wanted).filter(|(_, wanted)| **wanted > 0.0);
    let each = pairs.map(|(logit, wanted)| {
        let wanted = f64::from(*wanted);
        wanted * (wanted.ln() - (f64::from(*logit) - sum))
    });
    let loss = each.sum::<f64>();
    compute.kernels.softmax(row);
    let pairs = row.iter_mut().zip(wanted);
    pairs.for_each(|(value, wanted)| *value = (*value - wanted) * share);
    loss
}
