//! Error measures: quadratic forms of a matrix with the second moments of its inputs.

use super::PANEL_ROWS;
use crate::solve::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::QuantizedMatrix;

/// Side of the square tiles of `h`, and rows of `d` in one task.
const TILE: usize = 256;

/// tr(D H D^T) in f64, for `d` [rows, n] and the symmetric `h` [n, n]. Only the lower triangle of `h` and its diagonal tiles are
/// read.
///
/// For D = W it is the mean energy of the layer's output per token. For D = W - W' it is the mean energy of the error.
///
/// Cost: rows n^2 flops, because the part below the diagonal counts twice. Scratch: one tile of 256 x 256 per task.
pub fn output_energy(compute: &Compute, d: &[f32], rows: usize, gram: &Gram) -> f64 {
    let n = gram.n;
    let (panels, tiles) = (rows.div_ceil(TILE), n.div_ceil(TILE));
    let sums = compute.pool.map(panels * tiles, |task| {
        // The first tiles cost most, so they start first.
        let (start, at) = (task % panels * TILE, task / panels * TILE);
        let (height, width) = (TILE.min(rows - start), TILE.min(n - at));
        let below = at + width;
        let mut product = vec![0.0f32; height * width];
        let mut multiply = |from: usize, depth: usize, alpha: f32, beta: f32| {
            compute.linalg.gemm_nn(
                MatMut::dense(&mut product, height, width),
                MatRef {
                    data: &d[start * n + from..],
                    rows: height,
                    cols: depth,
                    stride: n,
                },
                MatRef {
                    data: &gram.h[from * n + at..],
                    rows: depth,
                    cols: width,
                    stride: n,
                },
                alpha,
                beta,
            );
        };
        multiply(at, width, 1.0, 0.0);
        if below < n {
            multiply(below, n - below, 2.0, 1.0);
        }
        let lines = product.chunks(width).enumerate();
        lines
            .map(|(i, line)| {
                f64::from(
                    compute
                        .kernels
                        .dot(&d[(start + i) * n + at..][..width], line),
                )
            })
            .sum::<f64>()
    });
    // The sum has the order of the tasks, not the order in which they ended.
    unshrunk(sums.iter().sum(), column_energy(compute, d, gram), gram)
}

/// The sum over columns j of h_jj times the squares of column j of `d` [rows, n].
fn column_energy(compute: &Compute, d: &[f32], gram: &Gram) -> f64 {
    if gram.shrinkage == 0.0 {
        return 0.0;
    }
    let diagonal = gram.diagonal();
    let rows = compute.pool.map(d.len() / gram.n, |row| {
        let row = d[row * gram.n..][..gram.n].iter().zip(&diagonal);
        row.map(|(d, h)| f64::from(d * d * h)).sum::<f64>()
    });
    rows.iter().sum()
}

/// The energy for the statistics without shrinkage. `energy` is that of the shrunk statistics, `of_columns` that of their
/// diagonal alone.
pub fn unshrunk(energy: f64, of_columns: f64, gram: &Gram) -> f64 {
    let share = f64::from(gram.shrinkage);
    (energy - share * of_columns) / (1.0 - share)
}

/// Sums of squares for the error of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightError {
    /// Sum over the error.
    pub error: f64,
    /// Sum over the matrix itself.
    pub norm: f64,
    /// Sum over the error, with each column weighted by its mean square input. 0 without statistics of the inputs.
    pub by_inputs: f64,
}

/// The error of `matrix` as a replacement of `w`. Cost: one pass over `w`; each row is decoded while its part of `w` is in the
/// cache. Sums are f32 within a row and f64 over rows.
pub fn weight_error(
    compute: &Compute,
    w: &[f32],
    matrix: &QuantizedMatrix,
    inputs: Option<&Gram>,
) -> WeightError {
    let squares = inputs.map(Gram::diagonal);
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
            let Some(squares) = &squares else { continue };
            let columns = lost.iter().zip(squares);
            part.by_inputs += columns.map(|(d, h)| f64::from(d * d * h)).sum::<f64>();
        }
        part
    });
    let add = |sum: WeightError, part: &WeightError| WeightError {
        error: sum.error + part.error,
        norm: sum.norm + part.norm,
        by_inputs: sum.by_inputs + part.by_inputs,
    };
    parts.iter().fold(WeightError::default(), add)
}

/// `part / whole`. 0 if `part` is not positive.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if part <= 0.0 {
        0.0
    } else {
        part / whole.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::statistics::tests::{random, random_inputs};

    #[test]
    fn the_energy_of_shrunk_statistics_is_that_of_the_inputs_themselves() {
        let (rows, n, tokens) = (5, TILE + 44, 60);
        let compute = Compute::new(None, 2).unwrap();
        let (x, d) = (random_inputs(tokens, n, 1), random(rows * n, 2));
        let mut gram = Gram::new(n);
        gram.add(&compute, &x);
        gram.finish(&compute);
        assert!(gram.shrinkage > 0.04, "{}", gram.shrinkage);
        let output = |d: &[f32], x: &[f32]| -> f64 {
            let products = d.iter().zip(x).map(|(d, x)| f64::from(d * x));
            products.sum()
        };
        let of_token = |x: &[f32]| -> f64 { d.chunks(n).map(|d| output(d, x).powi(2)).sum() };
        let plain = x.chunks(n).map(of_token).sum::<f64>() / tokens as f64;
        let energy = output_energy(&compute, &d, rows, &gram);
        assert!((energy / plain - 1.0).abs() < 1e-4, "{energy} {plain}");
    }
}
