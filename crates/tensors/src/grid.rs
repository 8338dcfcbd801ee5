//! The values that a stored weight may take.

use crate::range::{exponent, largest_of, times_power_of_two};
use crate::{DType, float5};
use half::{bf16, f16};
use kerf_kernels::Kernels;
use kerf_kernels::dispatch::{CodeRange, Product};
use serde::{Deserialize, Serialize};

/// A symmetric integer grid: value = code * scale. Each group of columns in a row has one scale. Code 0 is exactly zero. A group
/// never crosses a row, and a row shorter than the group size is one group.
///
/// Each result format has its own grid, because readers of different formats compute different values from a code and a scale. A
/// solver must work on the values that the readers will compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Bits of a code, 2..=8.
    pub bits: u8,
    /// Columns per group; 0 = the whole row.
    pub group_size: usize,
    /// The numbers that a scale may be, and how a reader computes a value from code and scale.
    pub scales: Scales,
}

/// The numbers that the scales of a grid may be. Scales called "wide" below have the range of f32, so that weights near 1e-7 have
/// as fine a grid as larger ones. All other scales are exact in f16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Scales {
    /// f16, not negative. Products with codes are exact in f32.
    #[default]
    Positive,
    /// f16 of either sign (llama.cpp's Q4_0). The sign lets the longer side of the codes cover the extreme weight of a group.
    Signed,
    /// f16, not negative. A reader rounds the product to f16.
    F16Product,
    /// bf16, not negative. A reader rounds the product to bf16. Wide.
    Bf16Product,
    /// Five significant bits, not negative (`float5.rs`). Only kerf's own container has these scales; they take a third of the
    /// space of f16. Products with codes are exact in f32. Wide.
    #[serde(rename = "lattice")]
    Float5,
    /// As `Float5`, one scale for a whole row, and each column has a factor of its own (`column_factor.rs`): the value of a weight
    /// is code * scale * factor, exact in f32. Only entropy-coded matrices of kerf's own container have them. Wide.
    Columns,
    /// f32, not negative. A reader computes the product in f32. Wide.
    F32Product,
}

/// The smallest and the largest f16.
const F16_RANGE: [f32; 2] = [1.0 / (1 << 24) as f32, 65504.0];

impl Scales {
    /// The type to which a reader rounds the product of code and scale.
    pub fn product(self) -> Product {
        match self {
            Self::Positive | Self::Signed | Self::Float5 | Self::Columns | Self::F32Product => {
                Product::F32
            }
            Self::F16Product => Product::F16,
            Self::Bf16Product => Product::BF16,
        }
    }

    /// The element type that stores the scales of a matrix of which some are outside f16. `None` if the scales of this kind are
    /// always f16.
    pub(crate) fn wide(self) -> Option<DType> {
        match self {
            Self::Float5 | Self::Columns | Self::Bf16Product => Some(DType::BF16),
            Self::F32Product => Some(DType::F32),
            Self::Positive | Self::Signed | Self::F16Product => None,
        }
    }

    /// The scale nearest to `scale`, which must not be negative unless the scales are signed. Only 0 becomes 0. A solver that
    /// fits scales by other means than [`Grid::fit_scale`] must pass each of them through this function.
    pub fn nearest(self, scale: f32) -> f32 {
        if scale == 0.0 {
            return 0.0;
        }
        let [least, most] = F16_RANGE;
        match self {
            Self::Float5 | Self::Columns => float5::scale(float5::nearest(scale)),
            Self::Bf16Product => bf16::from_f32(scale.max(f32::MIN_POSITIVE))
                .min(bf16::MAX)
                .to_f32(),
            Self::F32Product => scale.clamp(f32::from_bits(1), f32::MAX),
            Self::Positive | Self::F16Product => f16::from_f32(scale.clamp(least, most)).to_f32(),
            Self::Signed => {
                let size = f16::from_f32(scale.abs().clamp(least, most)).to_f32();
                size.copysign(scale)
            }
        }
    }

    /// [`Scales::nearest`], but never above `most`. `most` must itself be a scale, unless the scales are `Float5`.
    fn below(self, scale: f32, most: f32) -> f32 {
        match self.nearest(scale.min(most)) {
            above if above > most => self.nearest(most / 2.0),
            scale => scale,
        }
    }

    /// The smallest scale for which a fit in f16 is as fine as these scales allow. [`Grid::fit_scale`] fits smaller scales
    /// another way.
    fn fine_from(self) -> f32 {
        match self {
            Self::Float5 | Self::Columns => 1.0 / (1 << 20) as f32,
            Self::Bf16Product => 1.0 / (1 << 17) as f32,
            _ => 1.0 / (1 << 14) as f32,
        }
    }
}

/// From this scale on, weights are so large that their squares may overflow f32.
const LARGE_SCALE: f32 = (1 << 14) as f32;

impl Grid {
    /// A grid with f16 scales that are not negative. A format replaces the kind of scales by the kind that its readers know.
    pub const fn new(bits: u8, group_size: usize) -> Self {
        Self {
            bits,
            group_size,
            scales: Scales::Positive,
        }
    }

    /// Range of the codes: -(2^(bits-1)) ..= 2^(bits-1) - 1.
    pub fn range(&self) -> CodeRange {
        let half = 1i16 << (self.bits - 1);
        CodeRange {
            lo: -half as i8,
            hi: (half - 1) as i8,
        }
    }

    /// Columns of a group in rows of `cols` columns. At least 1.
    pub fn group_cols(&self, cols: usize) -> usize {
        if self.group_size == 0 {
            cols.max(1)
        } else {
            self.group_size.min(cols).max(1)
        }
    }

    /// Groups in a row of `cols` columns.
    pub fn groups(&self, cols: usize) -> usize {
        cols.div_ceil(self.group_cols(cols))
    }

    /// The scale for the weights `w` of one group that minimizes the squared error of the survivors, among the candidates of
    /// [`Kernels::fit_scale`]. Signed scales try each candidate with both signs. `mask` says which weights survive; the group
    /// starts at its bit `mask_bit`.
    ///
    /// Where the best scale is outside the fine range of f16 and the grid has wide scales, the weights are scaled by a power of
    /// two to values near 1, fitted there, and the scale is moved back.
    pub fn fit_scale(
        &self,
        kernels: &Kernels,
        w: &[f32],
        mask: Option<&[u8]>,
        mask_bit: usize,
    ) -> f32 {
        let scale = self.fit(kernels, w, mask, mask_bit);
        let usual = self.scales.fine_from()..LARGE_SCALE;
        if scale == 0.0 || self.scales.wide().is_none() || usual.contains(&scale) {
            return scale;
        }
        let kept = |j: usize| {
            mask.is_none_or(|mask| mask[(mask_bit + j) / 8] >> ((mask_bit + j) % 8) & 1 == 1)
        };
        let survivors = w.iter().enumerate().filter(|(j, _)| kept(*j));
        let survivors: Vec<f32> = survivors.map(|(_, w)| *w).collect();
        let power = exponent(largest_of(&survivors));
        let near_one: Vec<f32> = survivors
            .iter()
            .map(|w| times_power_of_two(*w, -power))
            .collect();
        let scale = times_power_of_two(self.fit(kernels, &near_one, None, 0), power);
        // At most this scale, the product with every code is finite, and so is a weight divided by the scale.
        let most = f32::MAX / (1u32 << (self.bits - 1)) as f32;
        self.scales.below(scale.max(f32::MIN_POSITIVE), most)
    }

    fn fit(&self, kernels: &Kernels, w: &[f32], mask: Option<&[u8]>, mask_bit: usize) -> f32 {
        let range = self.range();
        let scale = kernels.fit_scale(w, mask, mask_bit, range);
        let error = |scale, range| kernels.grid_error(w, mask, mask_bit, scale, range);
        match self.scales {
            _ if scale == 0.0 => 0.0,
            Scales::Signed => {
                // A negative scale is the same as a positive scale on mirrored codes.
                let mirrored = CodeRange {
                    lo: -range.hi,
                    hi: (-i16::from(range.lo)).min(127) as i8,
                };
                let other = kernels.fit_scale(w, mask, mask_bit, mirrored);
                match error(other, mirrored) < error(scale, range) {
                    true => -other,
                    false => scale,
                }
            }
            Scales::Float5 | Scales::Columns => {
                let [below, above] = float5::around(scale);
                match error(above, range) < error(below, range) {
                    true => above,
                    false => below,
                }
            }
            // A reader would compute infinity for a product beyond f16.
            Scales::F16Product => scale.min(F16_RANGE[1] / (1u32 << (self.bits - 1)) as f32),
            others => others.nearest(scale),
        }
    }

    /// Rounds exact products of codes and scales to the values that a reader computes.
    pub(crate) fn round_products(&self, kernels: &Kernels, values: &mut [f32]) {
        match self.scales.product() {
            Product::F32 => {}
            Product::F16 => round_to(kernels, DType::F16, values),
            Product::BF16 => round_to(kernels, DType::BF16, values),
        }
    }

    /// Whether `scale` is one of the scales of this grid.
    pub(crate) fn has_scale(&self, scale: f32) -> bool {
        let sign = self.scales == Scales::Signed || !scale.is_sign_negative();
        sign && scale.is_finite() && self.scales.nearest(scale) == scale
    }
}

/// Rounds values to a float type, in place.
pub fn round_to(kernels: &Kernels, dtype: DType, values: &mut [f32]) {
    let mut narrow = vec![0u16; if dtype == DType::F32 { 0 } else { values.len() }];
    match dtype {
        DType::F16 => {
            kernels.f32_to_f16(values, &mut narrow);
            kernels.f16_to_f32(&narrow, values);
        }
        DType::BF16 => {
            kernels.f32_to_bf16(values, &mut narrow);
            kernels.bf16_to_f32(&narrow, values);
        }
        _ => {}
    }
}
