//! Codes of the symmetric integer grid, and masks over values.

use crate::dispatch::CodeRange;

/// Bit `bit` of a bitmap in little bit order; 1 without a bitmap.
#[inline(always)]
pub(crate) fn keeps(mask: Option<&[u8]>, bit: usize) -> bool {
    mask.is_none_or(|mask| mask[bit / 8] >> (bit % 8) & 1 == 1)
}

/// `clamp(round_ties_even(w / scale), lo, hi)` as a whole f32. NaN gives `lo`.
#[inline(always)]
pub(crate) fn grid_code(w: f32, scale: f32, range: CodeRange) -> f32 {
    let (lo, hi) = (f32::from(range.lo), f32::from(range.hi));
    let t = w / scale;
    let t = if t > lo { t } else { lo };
    let t = if t < hi { t } else { hi };
    t.round_ties_even()
}

/// The nearest value of the grid.
#[inline(always)]
pub(crate) fn grid_value(w: f32, scale: f32, range: CodeRange) -> f32 {
    grid_code(w, scale, range) * scale
}

/// See [`crate::Kernels::quantize`].
pub fn quantize(w: &[f32], scale: f32, range: CodeRange, codes: &mut [i8]) {
    for (code, w) in codes.iter_mut().zip(w) {
        *code = if scale == 0.0 {
            0
        } else {
            grid_code(*w, scale, range) as i8
        };
    }
}

/// See [`crate::Kernels::dequantize`].
pub fn dequantize(codes: &[i8], scale: f32, out: &mut [f32]) {
    for (out, code) in out.iter_mut().zip(codes) {
        *out = f32::from(*code) * scale;
    }
}

/// See [`crate::Kernels::apply_mask`].
pub fn apply_mask(values: &mut [f32], mask: &[u8]) {
    for (j, value) in values.iter_mut().enumerate() {
        if !keeps(Some(mask), j) {
            *value = 0.0;
        }
    }
}
