//! A solved matrix before it is encoded: which weights are kept, and the value of each weight.

use crate::bytes::resize;
use crate::range::times_power_of_two;
use crate::{DType, Grid, Mask};
use kerf_kernels::{Compute, Kernels};

/// Number of weights that one task converts to floats.
const PANEL_WEIGHTS: usize = 1 << 16;

/// The values of a solved matrix, dense [rows, cols]. Pruned weights have the value 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Codes on an integer grid.
    Codes {
        /// The grid.
        grid: Grid,
        /// [rows, cols], row-major.
        codes: Vec<i8>,
        /// [rows, groups], row-major. Each is a scale of the grid.
        scales: Vec<f32>,
        /// A factor for each column where the grid has them ([`crate::Scales::Columns`]), else empty.
        columns: Vec<f32>,
    },
    /// Floats that are not quantized. They are already rounded to the type in which they will be stored.
    Float {
        /// F32, F16 or BF16.
        dtype: DType,
        /// [rows, cols], row-major.
        values: Vec<f32>,
    },
}

/// A solved matrix: `[rows, cols]` = `[out, in]`.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedMatrix {
    /// Rows: outputs of the layer.
    pub rows: usize,
    /// Columns: inputs of the layer.
    pub cols: usize,
    /// The kept weights. `None` if nothing was pruned.
    pub mask: Option<Mask>,
    /// Code or value of every weight.
    pub values: Values,
}

impl QuantizedMatrix {
    /// Dense values [rows, cols].
    pub fn dequantize(&self, kernels: &Kernels) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * self.cols];
        self.dequantize_rows(kernels, 0, &mut out);
        out
    }

    /// [`QuantizedMatrix::dequantize`] with rows in parallel.
    pub fn dequantize_on(&self, compute: &Compute) -> Vec<f32> {
        let mut out = Vec::new();
        self.dequantize_into(compute, &mut out);
        out
    }

    /// [`QuantizedMatrix::dequantize_on`] into a buffer of the caller. The content of `out` is replaced.
    pub fn dequantize_into(&self, compute: &Compute, out: &mut Vec<f32>) {
        resize(out, self.rows * self.cols);
        let rows = (PANEL_WEIGHTS / self.cols.max(1)).max(1);
        let panel = rows * self.cols.max(1);
        compute.pool.chunks_mut(out, panel, |index, out| {
            self.dequantize_rows(&compute.kernels, index * rows, out);
        });
    }

    /// Fills `out` with the values of whole rows, from row `first` on.
    pub fn dequantize_rows(&self, kernels: &Kernels, first: usize, out: &mut [f32]) {
        let cols = self.cols;
        let (grid, codes, scales, columns) = match &self.values {
            Values::Float { values, .. } => {
                return out.copy_from_slice(&values[first * cols..][..out.len()]);
            }
            Values::Codes {
                grid,
                codes,
                scales,
                columns,
            } => (grid, codes, scales, columns),
        };
        let (row, groups) = (first * cols, first * grid.groups(cols));
        let steps = Steps {
            grid: *grid,
            scales: &scales[groups..],
            columns,
        };
        codes_to_values(kernels, &steps, cols, &codes[row..], out);
    }

    /// The same matrix with every value multiplied by 2^exponent. Codes stay and scales change; a scale outside the range of its
    /// type becomes the nearest one that the type has. Floats are multiplied in f32 and not rounded again to their type.
    pub fn times_power_of_two(mut self, exponent: i32) -> Self {
        match &mut self.values {
            Values::Codes { grid, scales, .. } => {
                for scale in scales {
                    *scale = grid.scales.nearest(times_power_of_two(*scale, exponent));
                }
            }
            Values::Float { values, .. } => {
                for value in values {
                    *value = times_power_of_two(*value, exponent);
                }
            }
        }
        self
    }

    /// Share of the weights that were pruned.
    pub fn sparsity(&self) -> f64 {
        match &self.mask {
            Some(mask) => 1.0 - mask.count() as f64 / (self.rows * self.cols).max(1) as f64,
            None => 0.0,
        }
    }
}

/// The steps of whole rows.
pub(crate) struct Steps<'a> {
    pub grid: Grid,
    /// Scales of the rows.
    pub scales: &'a [f32],
    /// Factors of the columns, or empty.
    pub columns: &'a [f32],
}

/// Fills `out` with whole rows of `cols` values from the codes and steps of those rows.
pub(crate) fn codes_to_values(
    kernels: &Kernels,
    steps: &Steps<'_>,
    cols: usize,
    codes: &[i8],
    out: &mut [f32],
) {
    let (grid, scales) = (steps.grid, steps.scales);
    let (group, cols) = (grid.group_cols(cols), cols.max(1));
    let scales = scales.chunks(grid.groups(cols));
    for ((codes, scales), out) in codes.chunks(cols).zip(scales).zip(out.chunks_mut(cols)) {
        let groups = codes.chunks(group).zip(scales);
        for ((codes, &scale), out) in groups.zip(out.chunks_mut(group)) {
            kernels.dequantize(codes, scale, out);
        }
        grid.round_products(kernels, out);
        for (out, factor) in out.iter_mut().zip(steps.columns) {
            *out *= factor;
        }
    }
}
