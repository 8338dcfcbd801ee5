//! Backward of pooling; forward: [`crate::evaluate::pool`].

use crate::evaluate::Pooling;
use kerf_kernels::Compute;

/// Adds the gradient of the states [tokens, hidden] of one text to `out`, from that of its vector. A maximum passes it on to the first
/// token that has it.
pub(super) fn pool_grad(
    compute: &Compute,
    pooling: Pooling,
    states: &[f32],
    grad: &[f32],
    out: &mut [f32],
) {
    let (hidden, kernels) = (grad.len(), &compute.kernels);
    let tokens = states.len() / hidden;
    match pooling {
        Pooling::Cls => kernels.add(grad, &mut out[..hidden]),
        Pooling::LastToken => kernels.add(grad, &mut out[(tokens - 1) * hidden..]),
        Pooling::Mean | Pooling::MeanSqrtLen | Pooling::WeightedMean => {
            let total = (tokens * (tokens + 1) / 2) as f64;
            for (token, row) in out.chunks_exact_mut(hidden).enumerate() {
                let weight = match pooling {
                    Pooling::Mean => 1.0 / tokens as f64,
                    Pooling::MeanSqrtLen => 1.0 / (tokens as f64).sqrt(),
                    _ => (token + 1) as f64 / total,
                };
                kernels.axpy(weight as f32, grad, row);
            }
        }
        Pooling::Max => {
            for (at, grad) in grad.iter().enumerate() {
                let value = |token: usize| states[token * hidden + at];
                let best = (1..tokens).fold(0, |best, token| match value(token) > value(best) {
                    true => token,
                    false => best,
                });
                out[best * hidden + at] += grad;
            }
        }
    }
}
