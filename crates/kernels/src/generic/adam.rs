//! The optimiser.

use super::math::exp_normal;
use crate::adam::{Constants, LARGEST_EXPONENT};
use crate::dispatch::{AdamStep, MixturePrior};
use crate::simd::{self, Simd};

/// The gradient of a prior, added to `g`.
trait Pull: Copy {
    fn add<S: Simd>(self, simd: S, w: S::F, g: S::F) -> S::F;
}

/// No prior.
#[derive(Clone, Copy)]
struct Free;

impl Pull for Free {
    #[inline(always)]
    fn add<S: Simd>(self, _: S, _: S::F, g: S::F) -> S::F {
        g
    }
}

impl Pull for MixturePrior {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, w: S::F, g: S::F) -> S::F {
        let (offset, slope) = (self.offset as f32, self.slope as f32);
        let exponent = simd.mul_add(simd.mul(w, w), simd.splat(slope), simd.splat(offset));
        let limit = simd.splat(LARGEST_EXPONENT);
        let exponent = simd.max(simd.min(exponent, limit), simd.splat(-LARGEST_EXPONENT));
        let odds = simd.add(exp_normal(simd, exponent), simd.splat(1.0));
        let (spike, slab) = (self.spike as f32, self.slab as f32);
        let more = simd.div(simd.splat(spike - slab), odds);
        let of_both = simd.add(more, simd.splat(slab));
        simd.mul_add(w, of_both, g)
    }
}

/// Weights, gradients and both moments of one vector.
type Lanes<F> = (F, F, F, F);

/// The new weights and moments.
#[inline(always)]
fn lanes<S: Simd>(
    simd: S,
    of: Constants,
    prior: impl Pull,
    (w, grad, first, second): Lanes<S::F>,
) -> (S::F, S::F, S::F) {
    let g = prior.add(simd, w, simd.mul(simd.splat(of.scale), grad));
    let new1 = simd.mul(simd.splat(of.new1), g);
    let first = simd.mul_add(simd.splat(of.beta1), first, new1);
    let new2 = simd.mul(simd.splat(of.new2), simd.mul(g, g));
    let second = simd.mul_add(simd.splat(of.beta2), second, new2);
    let eps = simd.splat(of.eps);
    let root = simd.mul_add(simd.sqrt(second), simd.splat(of.root), eps);
    let way = simd.div(simd.mul(simd.splat(of.rate), first), root);
    let moved = simd.sub(simd.neg_mul_add(simd.splat(of.decay), w, w), way);
    let (held, size, zero) = (simd.splat(of.held), simd.abs(w), simd.splat(0.0));
    (
        simd.select_lt(held, size, moved, w),
        simd.select_lt(held, size, first, zero),
        simd.select_lt(held, size, second, zero),
    )
}

/// Whole vectors of weights, gradients and both moments. Returns how many weights these were.
#[inline(always)]
fn whole<S: Simd>(
    simd: S,
    values: &mut [f32],
    grad: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    (of, prior): (Constants, impl Pull),
) -> usize {
    let weights = (values.chunks_exact_mut(S::LANES)).zip(grad.chunks_exact(S::LANES));
    let moments = (first.chunks_exact_mut(S::LANES)).zip(second.chunks_exact_mut(S::LANES));
    let mut done = 0;
    for ((w, grad), (first, second)) in weights.zip(moments) {
        let old = (
            simd::load(simd, w),
            simd::load(simd, grad),
            simd::load(simd, first),
            simd::load(simd, second),
        );
        let new = lanes(simd, of, prior, old);
        simd::store(simd, new.0, w);
        simd::store(simd, new.1, first);
        simd::store(simd, new.2, second);
        done += S::LANES;
    }
    done
}

/// All weights. What is left behind the last whole vector goes through a padded one.
#[inline(always)]
fn walk<S: Simd>(
    simd: S,
    values: &mut [f32],
    grad: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    of: (Constants, impl Pull),
) {
    let done = whole(simd, values, grad, first, second, of);
    let (w, grad) = (&mut values[done..], &grad[done..]);
    let (first, second) = (&mut first[done..], &mut second[done..]);
    if w.is_empty() {
        return;
    }
    let old = (
        simd::load_part(simd, w, 1.0),
        simd::load_part(simd, grad, 0.0),
        simd::load_part(simd, first, 0.0),
        simd::load_part(simd, second, 0.0),
    );
    let new = lanes(simd, of.0, of.1, old);
    simd::store_part(simd, new.0, w);
    simd::store_part(simd, new.1, first);
    simd::store_part(simd, new.2, second);
}

/// The plain form is [`crate::reference::adam::adamw_step`].
///
/// Departures: vectors, with products and additions in one operation where the machine has it; a held weight is computed and then
/// not taken; with and without a prior there are two loops. The two parts of the prior
/// are w (slab + p (spike - slab)): one division in place of two products.
#[inline(always)]
pub(crate) fn adamw_step<S: Simd>(
    simd: S,
    values: &mut [f32],
    grad: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    step: AdamStep,
) {
    let of = Constants::of(step);
    match step.prior {
        Some(prior) => walk(simd, values, grad, first, second, (of, prior)),
        None => walk(simd, values, grad, first, second, (of, Free)),
    }
}
