//! Backward of pooling; forward: [`crate::evaluate::pool`].

use super::Place;
use crate::ModelError;
use crate::evaluate::Pooling;

/// Adds the gradient of the states of one text. `WRONG_KIND` for a pooling that no loss has.
pub(super) fn pool_grad(
    place: Place<'_>,
    pooling: Pooling,
    grad: &[f32],
    states: &mut [f32],
) -> Result<(), ModelError> {
    let hidden = grad.len();
    let tokens = states.len() / hidden;
    let kernels = &place.compute.kernels;
    match pooling {
        Pooling::Cls => kernels.add(grad, &mut states[..hidden]),
        Pooling::LastToken => kernels.add(grad, &mut states[(tokens - 1) * hidden..]),
        Pooling::Mean | Pooling::MeanSqrtLen | Pooling::WeightedMean => {
            let total = (tokens * (tokens + 1) / 2) as f64;
            for (token, row) in states.chunks_exact_mut(hidden).enumerate() {
                let weight = match pooling {
                    Pooling::Mean => 1.0 / tokens as f64,
                    Pooling::MeanSqrtLen => 1.0 / (tokens as f64).sqrt(),
                    _ => (token + 1) as f64 / total,
                };
                kernels.axpy(weight as f32, grad, row);
            }
        }
        Pooling::Max => {
            return Err(ModelError::WrongKind {
                operation: "learning by cosines".into(),
                expected: "pooling by the mean, the first or the last token".into(),
                architecture: place.network.architecture().into(),
            });
        }
    }
    Ok(())
}
