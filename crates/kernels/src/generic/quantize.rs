//! Codes of the symmetric integer grid, and masks over values. [`super::scales`] chooses the scale of a grid.

use crate::dispatch::CodeRange;
use crate::simd::{self, MAX_LANES, Simd};

/// `count` bits of a bitmap from bit `at`, at most 16.
#[inline(always)]
pub(super) fn bits_at(mask: &[u8], at: usize, count: usize) -> u32 {
    let rest = &mask[at / 8..];
    let word = match rest.first_chunk::<4>() {
        Some(word) => u32::from_le_bytes(*word),
        None => rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(*byte)),
    };
    (word >> (at % 8)) & ((1 << count) - 1)
}

/// Codes of the lanes of `w`, as whole f32.
#[inline(always)]
fn grid_codes<S: Simd>(simd: S, w: S::F, scale: S::F, lo: S::F, hi: S::F) -> S::F {
    let t = simd.div(w, scale);
    simd.round(simd.min(simd.max(t, lo), hi))
}

/// The plain form is [`crate::reference::quantize::quantize`]: divide, clamp, round, one weight after the other.
///
/// Departures:
///
/// 1. Vectors. The order of operations, the division too, is that of the plain form, so the codes are the same.
/// 2. The end of the slice goes through a padded vector.
#[inline(always)]
pub(crate) fn quantize<S: Simd>(
    simd: S,
    w: &[f32],
    scale: f32,
    range: CodeRange,
    codes: &mut [i8],
) {
    let n = w.len().min(codes.len());
    let (w, codes) = (&w[..n], &mut codes[..n]);
    if scale == 0.0 {
        return codes.fill(0);
    }
    let (lo, hi) = (f32::from(range.lo), f32::from(range.hi));
    let (scale, lo, hi) = (simd.splat(scale), simd.splat(lo), simd.splat(hi));
    let mut lanes_of_w = w.chunks_exact(S::LANES);
    let mut lanes_of_codes = codes.chunks_exact_mut(S::LANES);
    for (w, codes) in lanes_of_w.by_ref().zip(lanes_of_codes.by_ref()) {
        let v = grid_codes(simd, simd::load(simd, w), scale, lo, hi);
        // SAFETY: the piece has LANES elements, and the codes are clamped to an i8 range.
        unsafe { simd.store_codes(v, codes.as_mut_ptr()) };
    }
    let rest = simd::load_part(simd, lanes_of_w.remainder(), 0.0);
    let mut last = [0i8; MAX_LANES];
    // SAFETY: room for the most lanes there are.
    unsafe { simd.store_codes(grid_codes(simd, rest, scale, lo, hi), last.as_mut_ptr()) };
    let rest = lanes_of_codes.into_remainder();
    rest.copy_from_slice(&last[..rest.len()]);
}

/// The plain form is [`crate::reference::quantize::dequantize`]. There is no departure: a compiler turns the loop into vectors.
#[inline(always)]
pub(crate) fn dequantize<S: Simd>(_: S, codes: &[i8], scale: f32, out: &mut [f32]) {
    for (out, code) in out.iter_mut().zip(codes) {
        *out = f32::from(*code) * scale;
    }
}

/// The plain form is [`crate::reference::quantize::apply_mask`]: one value after the other, with a branch on its mask bit.
///
/// Departures:
///
/// 1. Two bytes of the mask at a time select among 16 values.
/// 2. The last values, fewer than 16, are the plain form.
#[inline(always)]
pub(crate) fn apply_mask<S: Simd>(simd: S, values: &mut [f32], mask: &[u8]) {
    let zero = simd.splat(0.0);
    let mut whole = values.chunks_exact_mut(16);
    let mut at = 0;
    for values in &mut whole {
        let bits = u32::from(mask[at]) | u32::from(mask[at + 1]) << 8;
        for (i, lanes) in values.chunks_exact_mut(S::LANES).enumerate() {
            let kept = simd.select_bits(bits >> (i * S::LANES), simd::load(simd, lanes), zero);
            simd::store(simd, kept, lanes);
        }
        at += 2;
    }
    crate::reference::quantize::apply_mask(whole.into_remainder(), &mask[at..]);
}
