//! The elementwise parts of an iteration of ADMM. Memory is what they cost, so each is one pass.

use super::quantize::bits_at;
use crate::simd::{self, Simd};

/// The plain form is [`crate::reference::admm::admm_pull`]: one element after the other, with a branch on its mask bit.
///
/// Departures:
///
/// 1. A vector takes as many mask bits at once as it has lanes, and selects between t and 0 - t. The branch is as good as
///    random, so a processor would guess it wrong half of the time.
/// 2. The end of the slices, shorter than a vector, is the plain loop.
#[inline(always)]
pub(crate) fn admm_pull<S: Simd>(
    simd: S,
    t: &[f32],
    mask: &[u8],
    w: &[f32],
    norms: &[f32],
    out: &mut [f32],
) {
    let zero = simd.splat(0.0);
    let whole = out.len() - out.len() % S::LANES;
    for at in (0..whole).step_by(S::LANES) {
        let [t, w, norms] = [t, w, norms].map(|x| simd::load(simd, &x[at..]));
        let kept = bits_at(mask, at, S::LANES);
        let signed = simd.select_bits(kept, t, simd.sub(zero, t));
        let pull = simd.sub(signed, simd.mul(w, norms));
        simd::store(simd, pull, &mut out[at..]);
    }
    for at in whole..out.len() {
        let signed = if bits_at(mask, at, 1) & 1 == 1 {
            t[at]
        } else {
            0.0 - t[at]
        };
        out[at] = signed - w[at] * norms[at];
    }
}

/// The plain form is [`crate::reference::admm::admm_step`]: one element after the other, with a branch on its mask bit.
///
/// The departures are those of [`admm_pull`]. The additions keep the order of the plain form, so the bits are the same.
#[inline(always)]
pub(crate) fn admm_step<S: Simd>(
    simd: S,
    t: &mut [f32],
    mask: &[u8],
    w: &[f32],
    norms: &[f32],
    b: &[f32],
) {
    let zero = simd.splat(0.0);
    let whole = t.len() - t.len() % S::LANES;
    for at in (0..whole).step_by(S::LANES) {
        let [w, norms, b] = [w, norms, b].map(|x| simd::load(simd, &x[at..]));
        let old = simd::load(simd, &t[at..]);
        let multiplier = simd.select_bits(bits_at(mask, at, S::LANES), zero, old);
        let new = simd.add(simd.add(simd.mul(w, norms), b), multiplier);
        simd::store(simd, new, &mut t[at..]);
    }
    for at in whole..t.len() {
        let multiplier = if bits_at(mask, at, 1) & 1 == 1 {
            0.0
        } else {
            t[at]
        };
        t[at] = (w[at] * norms[at] + b[at]) + multiplier;
    }
}
