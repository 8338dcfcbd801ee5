//! A solved matrix, before it is encoded: what was kept, and the value of each weight.

use crate::{DType, Grid, Mask};
use kerf_kernels::Kernels;

/// The values of a solved matrix, dense [rows, cols]; pruned places hold 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// On an integer grid.
    Codes {
        /// The grid.
        grid: Grid,
        /// [rows, cols], row-major.
        codes: Vec<i8>,
        /// [rows, groups], row-major; each exactly representable in f16.
        scales: Vec<f32>,
    },
    /// Not quantized: stored in a float type. Values are already rounded to it.
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
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// What was kept; `None` if nothing was pruned.
    pub mask: Option<Mask>,
    /// Code or value of every weight.
    pub values: Values,
}

impl QuantizedMatrix {
    /// Dense values [rows, cols].
    pub fn dequantize(&self, kernels: &Kernels) -> Vec<f32> {
        todo!("{kernels:?}")
    }

    /// Share of weights that were pruned.
    pub fn sparsity(&self) -> f64 {
        match &self.mask {
            Some(mask) => 1.0 - mask.count() as f64 / (self.rows * self.cols).max(1) as f64,
            None => 0.0,
        }
    }
}
