//! The values that a stored weight may take.

use crate::range::{exponent, largest_of, times_power_of_two};
use crate::{DType, float5};
use half::{bf16, f16};
use kerf_kernels::Kernels;
use kerf_kernels::dispatch::{CodeRange, Product};
use serde::{Deserialize, Serialize};

/// A symmetric integer grid: value = code * scale, one scale per group of columns in a row, code 0 is exact zero.
/// A group never crosses a row; a row shorter than the group is one group.
///
/// Each format of a result has its own: what its readers compute from code and scale is what a solver must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Bits of a code, 2..=8.
    pub bits: u8,
    /// Columns per group; 0 = the whole row.
    pub group_size: usize,
    /// What scales are, and what a reader makes of them.
    pub scales: Scales,
}

/// What the scales of a grid are. Those of f16 are exact in it; the wide ones have the range of f32, and weights near 1e-7 as fine a grid
/// as any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Scales {
    /// f16, not negative; products with codes are exact.
    #[default]
    Positive,
    /// f16 of either sign (llama.cpp's Q4_0): the larger side of the codes can lie on the side of the extreme.
    Signed,
    /// f16, not negative; a reader rounds the product to f16.
    F16Product,
    /// bf16, not negative; a reader rounds the product to bf16. Wide.
    Bf16Product,
    /// Five significant bits, not negative: kerf's own, which take a third of the room. Products are exact. Wide.
    #[serde(rename = "lattice")]
    Float5,
    /// f32, not negative; a reader computes the product in f32. Wide.
    F32Product,
}

/// The smallest and the largest f16.
const F16_RANGE: [f32; 2] = [1.0 / (1 << 24) as f32, 65504.0];

impl Scales {
    /// What a reader makes of code and scale.
    pub fn product(self) -> Product {
        match self {
            Self::Positive | Self::Signed | Self::Float5 | Self::F32Product => Product::F32,
            Self::F16Product => Product::F16,
            Self::Bf16Product => Product::BF16,
        }
    }

    /// Type that holds scales which f16 does not, if there are any.
    pub(crate) fn wide(self) -> Option<DType> {
        match self {
            Self::Float5 | Self::Bf16Product => Some(DType::BF16),
            Self::F32Product => Some(DType::F32),
            Self::Positive | Self::Signed | Self::F16Product => None,
        }
    }

    /// The nearest scale to a number, which is not negative unless scales are signed; 0 alone becomes 0. What a solver fits by other
    /// means than [`Grid::fit_scale`] goes through here.
    pub fn nearest(self, scale: f32) -> f32 {
        if scale == 0.0 {
            return 0.0;
        }
        let [least, most] = F16_RANGE;
        match self {
            Self::Float5 => float5::scale(float5::nearest(scale)),
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

    /// [`Scales::nearest`], but not above `most`, which all scales but `Float5` have.
    fn below(self, scale: f32, most: f32) -> f32 {
        match self.nearest(scale.min(most)) {
            above if above > most => self.nearest(most / 2.0),
            scale => scale,
        }
    }

    /// From here on a fit in f16 is as fine as these scales are: smaller ones are fitted another way.
    fn fine_from(self) -> f32 {
        match self {
            Self::Float5 => 1.0 / (1 << 20) as f32,
            Self::Bf16Product => 1.0 / (1 << 17) as f32,
            _ => 1.0 / (1 << 14) as f32,
        }
    }
}

/// From here on weights are so large that their squares may not be numbers.
const LARGE_SCALE: f32 = (1 << 14) as f32;

impl Grid {
    /// A grid with any f16 scales, before a format has said which scales its readers know.
    pub const fn new(bits: u8, group_size: usize) -> Self {
        Self {
            bits,
            group_size,
            scales: Scales::Positive,
        }
    }

    /// Limits of the codes: -(2^(bits-1)) ..= 2^(bits-1) - 1.
    pub fn range(&self) -> CodeRange {
        let half = 1i16 << (self.bits - 1);
        CodeRange {
            lo: -half as i8,
            hi: (half - 1) as i8,
        }
    }

    /// Columns per group for rows of `cols` columns (never 0 unless `cols` is).
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

    /// Scale of the survivors `w` of one group, by least squared error among the candidates of
    /// [`Kernels::fit_scale`], which are tried with both signs if scales are signed. `mask` starts at bit `mask_bit`.
    ///
    /// Where f16 holds no such scale and the grid does, the weights are fitted as if they were near 1.
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
        // The product with every code is a number, and so is the quotient of a weight.
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
                // A negative scale is a positive one on the mirrored codes.
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
            Scales::Float5 => {
                let [below, above] = float5::around(scale);
                match error(above, range) < error(below, range) {
                    true => above,
                    false => below,
                }
            }
            // A product beyond f16 would be infinite for a reader.
            Scales::F16Product => scale.min(F16_RANGE[1] / (1u32 << (self.bits - 1)) as f32),
            others => others.nearest(scale),
        }
    }

    /// Turns products of codes and scales into what a reader makes of them.
    pub(crate) fn round_products(&self, kernels: &Kernels, values: &mut [f32]) {
        match self.scales.product() {
            Product::F32 => {}
            Product::F16 => round_to(kernels, DType::F16, values),
            Product::BF16 => round_to(kernels, DType::BF16, values),
        }
    }

    /// Whether a scale is one of this grid.
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
