//! Error measures: quadratic forms of a matrix in the statistics of its inputs.

use super::PANEL_ROWS;
use crate::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::QuantizedMatrix;

/// tr(D H D^T) for `d` [rows, n] and the symmetric `h` [n, n] of which the lower triangle is valid, in f64.
///
/// For D = W it is the mean energy of the layer's output per token; for D = W - W' that of its error.
/// Cost: 2 rows n^2 flops; scratch: one panel of 64 rows per task.
pub fn output_energy(compute: &Compute, d: &[f32], rows: usize, gram: &Gram) -> f64 {
    let n = gram.n;
    let panels = rows.div_ceil(PANEL_ROWS);
    let mut total = 0.0;
    // Panels one after the other, each product on all threads: the order of the sum is fixed.
    let mut product = vec![0.0f32; PANEL_ROWS.min(rows) * n];
    for panel in 0..panels {
        let start = panel * PANEL_ROWS;
        let height = PANEL_ROWS.min(rows - start);
        let part = &d[start * n..(start + height) * n];
        let product = &mut product[..height * n];
        // The strict upper triangle is a mirror (see `Gram::mirror`), so H^T = H.
        compute.linalg.gemm_nn(
            MatMut {
                data: product,
                rows: height,
                cols: n,
                stride: n,
            },
            MatRef {
                data: part,
                rows: height,
                cols: n,
                stride: n,
            },
            MatRef {
                data: &gram.h,
                rows: n,
                cols: n,
                stride: n,
            },
            1.0,
            0.0,
        );
        let sums = compute.pool.map(height, |i| {
            row_dot(&part[i * n..(i + 1) * n], &product[i * n..(i + 1) * n])
        });
        total += sums.iter().sum::<f64>();
    }
    total
}

/// Independent partial sums, so that the compiler may use vectors; they are added in a fixed order.
const LANES: usize = 32;

fn row_dot(a: &[f32], b: &[f32]) -> f64 {
    sum_of(a, b, |x, y| x * y)
}

/// Sum of `term` over pairs: f32 within 256 pairs, f64 beyond.
fn sum_of(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(256).zip(b.chunks(256)) {
        let mut sums = [0.0f32; LANES];
        let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for (x, y) in a_lanes.remainder().iter().zip(b_lanes.remainder()) {
            sums[0] += term(*x, *y);
        }
        for (a, b) in a_lanes.zip(b_lanes) {
            for i in 0..LANES {
                sums[i] += term(a[i], b[i]);
            }
        }
        total += sums.iter().sum::<f32>() as f64;
    }
    total
}

/// Sums of squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightError {
    /// Of what a matrix lost.
    pub error: f64,
    /// Of the matrix.
    pub norm: f64,
}

/// What `w` loses when it becomes `matrix`. A row is decoded while it is in cache: one pass over `w`. Sums are f32 within a
/// row and f64 beyond.
pub fn weight_error(compute: &Compute, w: &[f32], matrix: &QuantizedMatrix) -> WeightError {
    let (cols, kernels) = (matrix.cols, &compute.kernels);
    let parts = compute.pool.map(matrix.rows.div_ceil(PANEL_ROWS), |panel| {
        let mut part = WeightError::default();
        let mut lost = vec![0.0; cols];
        for row in panel * PANEL_ROWS..matrix.rows.min((panel + 1) * PANEL_ROWS) {
            let w = &w[row * cols..][..cols];
            matrix.dequantize_rows(kernels, row, &mut lost);
            kernels.axpy(-1.0, w, &mut lost);
            part.error += f64::from(kernels.dot(&lost, &lost));
            part.norm += f64::from(kernels.dot(w, w));
        }
        part
    });
    let add = |sum: WeightError, part: &WeightError| WeightError {
        error: sum.error + part.error,
        norm: sum.norm + part.norm,
    };
    parts.iter().fold(WeightError::default(), add)
}

/// `part / whole`, 0 for 0 / 0.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if part <= 0.0 {
        0.0
    } else {
        part / whole.max(f64::MIN_POSITIVE)
    }
}
