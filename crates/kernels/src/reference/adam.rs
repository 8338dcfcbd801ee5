//! The optimiser.

use super::math::exp;
use crate::adam::{Constants, LARGEST_EXPONENT};
use crate::dispatch::{AdamStep, MixturePrior};

/// Gradient of a prior at a weight.
fn pull(prior: MixturePrior, w: f32) -> f32 {
    let exponent = prior.offset as f32 + prior.slope as f32 * (w * w);
    let p = 1.0 / (1.0 + exp(exponent.min(LARGEST_EXPONENT)));
    w * (p * prior.spike as f32 + (1.0 - p) * prior.slab as f32)
}

/// See [`crate::Kernels::adamw_step`].
pub fn adamw_step(
    values: &mut [f32],
    grad: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    step: AdamStep,
) {
    let of = Constants::of(step);
    let moments = first.iter_mut().zip(second);
    for ((w, grad), (first, second)) in values.iter_mut().zip(grad).zip(moments) {
        if w.is_nan() || w.abs() <= of.held {
            (*first, *second) = (0.0, 0.0);
            continue;
        }
        let g = of.scale * grad + step.prior.map_or(0.0, |prior| pull(prior, *w));
        *first = of.beta1 * *first + of.new1 * g;
        *second = of.beta2 * *second + of.new2 * (g * g);
        let root = second.sqrt() * of.root + of.eps;
        *w = (*w - of.decay * *w) - of.rate * *first / root;
    }
}
