//! Conversions between f32 and the two 16-bit floats. NaNs are quieted and keep their leading payload bits, as hardware does.

/// f16 bits of an f32, rounded to nearest even.
#[inline(always)]
pub(crate) fn narrow_f16(value: f32) -> u16 {
    half::f16::from_f32_const(value).to_bits()
}

/// The f32 of f16 bits.
#[inline(always)]
pub(crate) fn widen_f16(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32_const()
}

/// bf16 bits of an f32, rounded to nearest even.
#[inline(always)]
pub(crate) fn narrow_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let nan = bits & 0x7fff_ffff > 0x7f80_0000;
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    // Both sides are computed, so that compilers can take many at once.
    let result = if nan { bits | 0x40_0000 } else { rounded };
    (result >> 16) as u16
}

/// See [`crate::Kernels::bf16_to_f32`].
pub fn bf16_to_f32(src: &[u16], out: &mut [f32]) {
    for (out, bits) in out.iter_mut().zip(src) {
        *out = f32::from_bits(u32::from(*bits) << 16);
    }
}

/// See [`crate::Kernels::f16_to_f32`].
pub fn f16_to_f32(src: &[u16], out: &mut [f32]) {
    for (out, bits) in out.iter_mut().zip(src) {
        *out = widen_f16(*bits);
    }
}

/// See [`crate::Kernels::f32_to_bf16`].
pub fn f32_to_bf16(src: &[f32], out: &mut [u16]) {
    for (out, value) in out.iter_mut().zip(src) {
        *out = narrow_bf16(*value);
    }
}

/// See [`crate::Kernels::f32_to_f16`].
pub fn f32_to_f16(src: &[f32], out: &mut [u16]) {
    for (out, value) in out.iter_mut().zip(src) {
        *out = narrow_f16(*value);
    }
}

/// See [`crate::Kernels::first_non_finite`].
pub fn first_non_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|value| !value.is_finite())
}
