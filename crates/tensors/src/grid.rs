//! The values that a stored weight may take.

use crate::{DType, lattice};
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

/// What the scales of a grid are. All are exactly representable in f16, so that one container holds them.
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
    /// bf16, not negative; a reader rounds the product to bf16.
    Bf16Product,
    /// f16 with five significant bits, not negative: kerf's own, which take a third of the room. Products are exact.
    Lattice,
}

/// Smaller bf16 scales would not be exact in f16.
const SMALLEST_BF16: f32 = 1.0 / (1 << 17) as f32;

impl Scales {
    /// What a reader makes of code and scale.
    pub fn product(self) -> Product {
        match self {
            Self::Positive | Self::Signed | Self::Lattice => Product::F32,
            Self::F16Product => Product::F16,
            Self::Bf16Product => Product::BF16,
        }
    }

    /// The nearest scale to one of f16. What a solver fits by other means than [`Grid::fit_scale`] goes through here.
    pub fn nearest(self, scale: f32) -> f32 {
        match self {
            Self::Lattice => lattice::scale(lattice::nearest(scale)),
            Self::Bf16Product if scale > 0.0 => bf16::from_f32(scale.max(SMALLEST_BF16)).to_f32(),
            _ => scale,
        }
    }
}

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
    pub fn fit_scale(
        &self,
        kernels: &Kernels,
        w: &[f32],
        mask: Option<&[u8]>,
        mask_bit: usize,
    ) -> f32 {
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
            Scales::Lattice => {
                let [below, above] = lattice::around(scale);
                match error(above, range) < error(below, range) {
                    true => above,
                    false => below,
                }
            }
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
        sign && scale.is_finite()
            && f16::from_f32(scale).to_f32() == scale
            && self.scales.nearest(scale) == scale
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
