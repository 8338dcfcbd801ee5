//! Conversions between f32 and the 16-bit floats.
//!
//! bf16 is the upper half of an f32, so its conversions are whole-number operations that a compiler turns into vectors.
//! f16 has another exponent. Instruction sets with a conversion of their own use it through [`Simd::f16_to_f32`] and
//! [`Simd::f32_to_f16`]; the others use [`f16_to_f32_plain`] and [`f32_to_f16_plain`].

use crate::reference::convert::narrow_bf16;
use crate::simd::Simd;

/// The plain form is [`crate::reference::convert::bf16_to_f32`]. There is no departure: the loop is one shift an element.
#[inline(always)]
pub(crate) fn bf16_to_f32<S: Simd>(_: S, src: &[u16], out: &mut [f32]) {
    for (out, bits) in out.iter_mut().zip(src) {
        *out = f32::from_bits(u32::from(*bits) << 16);
    }
}

/// The plain form is [`crate::reference::convert::f32_to_bf16`]. There is no departure: one element has no branch in the plain form either.
#[inline(always)]
pub(crate) fn f32_to_bf16<S: Simd>(_: S, src: &[f32], out: &mut [u16]) {
    for (out, value) in out.iter_mut().zip(src) {
        *out = narrow_bf16(*value);
    }
}

/// The plain form is [`crate::reference::convert::f16_to_f32`]: one element after the other, by the crate `half`.
///
/// Departure: the instruction set converts, where it can a vector at a time.
#[inline(always)]
pub(crate) fn f16_to_f32<S: Simd>(simd: S, src: &[u16], out: &mut [f32]) {
    let n = src.len().min(out.len());
    simd.f16_to_f32(&src[..n], &mut out[..n]);
}

/// The plain form is [`crate::reference::convert::f32_to_f16`]: one element after the other, by the crate `half`.
///
/// Departure: the instruction set converts, where it can a vector at a time.
#[inline(always)]
pub(crate) fn f32_to_f16<S: Simd>(simd: S, src: &[f32], out: &mut [u16]) {
    let n = src.len().min(out.len());
    simd.f32_to_f16(&src[..n], &mut out[..n]);
}

/// [`f16_to_f32`] for instruction sets that have no conversion, and for the end of a slice. An element has no branch, so that a
/// compiler can take many at once.
#[inline(always)]
pub(crate) fn f16_to_f32_plain(src: &[u16], out: &mut [f32]) {
    for (out, bits) in out.iter_mut().zip(src) {
        *out = widen(*bits);
    }
}

/// [`f32_to_f16`] for instruction sets that have no conversion, and for the end of a slice. An element has no branch, so that a
/// compiler can take many at once.
#[inline(always)]
pub(crate) fn f32_to_f16_plain(src: &[f32], out: &mut [u16]) {
    for (out, value) in out.iter_mut().zip(src) {
        *out = narrow(*value);
    }
}

#[inline(always)]
fn widen(bits: u16) -> f32 {
    // The exponent is 112 too small after the shift; the product mends it for normal and subnormal numbers alike.
    const TWO_112: f32 = f32::from_bits((127 + 112) << 23);
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * TWO_112).to_bits();
    let quiet = if magnitude > 0x7c00 << 13 {
        0x0040_0000
    } else {
        0
    };
    let special = magnitude | 0x7f80_0000 | quiet;
    let value = if magnitude >= 0x7c00 << 13 {
        special
    } else {
        finite
    };
    f32::from_bits(sign | value)
}

#[inline(always)]
fn narrow(value: f32) -> u16 {
    /// 0.5: adding it to a number below 2^-14 leaves the f16 mantissa, rounded, in the lowest bits.
    const ALIGN: u32 = 126 << 23;
    let bits = value.to_bits();
    let sign = bits >> 16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let aligned = (f32::from_bits(magnitude) + f32::from_bits(ALIGN)).to_bits();
    let subnormal = aligned.wrapping_sub(ALIGN);
    let odd = magnitude >> 13 & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    let nan = 0x7e00 | magnitude >> 13 & 0x3ff;
    let special = if magnitude > 0x7f80_0000 { nan } else { 0x7c00 };
    let finite = if magnitude < 113 << 23 {
        subnormal
    } else {
        normal
    };
    // 65520 and more round to infinity.
    let value = if magnitude >= 0x477f_f000 {
        special
    } else {
        finite
    };
    (sign | value) as u16
}

/// The plain form is [`crate::reference::convert::first_non_finite`]: look at one value after the other, stop at the first bad one.
///
/// Departure: a loop that may stop at every element cannot be made of vectors. So a block is looked at as a whole, without
/// stopping, and only a block with a bad value is searched. Good blocks are the rule.
#[inline(always)]
pub(crate) fn first_non_finite<S: Simd>(_: S, values: &[f32]) -> Option<usize> {
    const BLOCK: usize = 256;
    for (block, values) in values.chunks(BLOCK).enumerate() {
        // All exponent bits set means infinite or not a number.
        let bad = values.iter().fold(0u32, |bad, v| {
            bad | u32::from(v.to_bits() & 0x7f80_0000 == 0x7f80_0000)
        });
        if bad != 0 {
            let at = values.iter().position(|v| !v.is_finite());
            return at.map(|at| block * BLOCK + at);
        }
    }
    None
}
