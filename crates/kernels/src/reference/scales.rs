//! Scales of the symmetric integer grid.

use super::convert;
use super::quantize::{grid_value, keeps};
use crate::dispatch::CodeRange;

/// Clipping factors between which [`fit_scale`] chooses: 0.45, 0.475, ..., 1.05.
const FIT_CANDIDATES: usize = 25;
/// Those that it tries first, every second one; then the two beside the best.
pub(crate) const COARSE: usize = FIT_CANDIDATES.div_ceil(2);

/// The candidates beside one of the first step.
#[inline(always)]
pub(crate) fn neighbours(index: usize) -> impl Iterator<Item = usize> {
    let there = |index: &usize| *index < FIT_CANDIDATES;
    [index.wrapping_sub(1), index + 1].into_iter().filter(there)
}

/// Clipping factor `index`.
pub(crate) const fn factor(index: usize) -> f32 {
    0.45 + 0.025 * index as f32
}

/// The scale that puts `absmax` at factor `index` of the grid's upper limit.
fn candidate(index: usize, absmax: f32, range: CodeRange) -> f32 {
    factor(index) * absmax / f32::from(range.hi)
}

/// The smallest positive and the largest f16.
pub(crate) const SMALLEST_SCALE: f32 = 5.960_464_5e-8;
pub(crate) const LARGEST_SCALE: f32 = 65504.0;

/// Between the smallest positive and the largest f16.
#[inline(always)]
fn clamp_scale(scale: f32) -> f32 {
    let scale = if scale > SMALLEST_SCALE {
        scale
    } else {
        SMALLEST_SCALE
    };
    if scale < LARGEST_SCALE {
        scale
    } else {
        LARGEST_SCALE
    }
}

/// Rounds to f16, to nearest even, kept between the smallest positive and the largest f16.
#[inline(always)]
pub(crate) fn round_scale(scale: f32) -> f32 {
    convert::widen_f16(convert::narrow_f16(clamp_scale(scale)))
}

/// Largest absolute value over the survivors; NaN is passed over.
pub(crate) fn absmax(w: &[f32], mask: Option<&[u8]>, mask_bit: usize) -> f32 {
    let mut largest = 0.0f32;
    for (j, w) in w.iter().enumerate() {
        if keeps(mask, mask_bit + j) && w.abs() > largest {
            largest = w.abs();
        }
    }
    largest
}

/// See [`crate::Kernels::absmax_scale`].
pub fn absmax_scale(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, range: CodeRange) -> f32 {
    match absmax(w, mask, mask_bit) {
        0.0 => 0.0,
        largest => round_scale(largest / f32::from(range.hi)),
    }
}

/// See [`crate::Kernels::fit_scale`].
pub fn fit_scale(w: &[f32], mask: Option<&[u8]>, mask_bit: usize, range: CodeRange) -> f32 {
    let largest = absmax(w, mask, mask_bit);
    if largest == 0.0 {
        return 0.0;
    }
    let error_of = |index: usize| {
        let scale = round_scale(candidate(index, largest, range));
        (grid_error(w, mask, mask_bit, scale, range), scale)
    };
    let mut best = (f32::INFINITY, round_scale(largest / f32::from(range.hi)), 0);
    for index in (0..FIT_CANDIDATES).step_by(2) {
        let (error, scale) = error_of(index);
        if error < best.0 {
            best = (error, scale, index);
        }
    }
    for index in neighbours(best.2) {
        let (error, scale) = error_of(index);
        if error < best.0 {
            best = (error, scale, index);
        }
    }
    best.1
}

/// See [`crate::Kernels::grid_error`].
pub fn grid_error(
    w: &[f32],
    mask: Option<&[u8]>,
    mask_bit: usize,
    scale: f32,
    range: CodeRange,
) -> f32 {
    let mut sum = 0.0f32;
    for (j, w) in w.iter().enumerate() {
        if keeps(mask, mask_bit + j) {
            let d = w - grid_value(*w, scale, range);
            sum += d * d;
        }
    }
    sum
}
