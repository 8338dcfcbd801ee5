//! Error measures: quadratic forms of a matrix in the statistics of its inputs.

use super::PANEL_ROWS;
use crate::solve::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::QuantizedMatrix;

/// Side of the squares that `h` is cut into, and rows of `d` that one task takes.
const TILE: usize = 256;

/// tr(D H D^T) for `d` [rows, n] and the symmetric `h` [n, n] of which the lower triangle and the squares on the diagonal are
/// valid, in f64.
///
/// For D = W it is the mean energy of the layer's output per token; for D = W - W' that of its error.
/// Cost: rows n^2 flops, since what is under the diagonal counts twice; scratch: one square of 256 per task.
pub fn output_energy(compute: &Compute, d: &[f32], rows: usize, gram: &Gram) -> f64 {
    let n = gram.n;
    let (panels, tiles) = (rows.div_ceil(TILE), n.div_ceil(TILE));
    let sums = compute.pool.map(panels * tiles, |task| {
        // The first tiles have the most work, so they start first.
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
    // In the order of the tasks, whatever ran first.
    unshrunk(sums.iter().sum(), column_energy(compute, d, gram), gram)
}

/// The sum over columns of their mean square input times the squares of `d` [rows, n] there.
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

/// The energy in the statistics as they were counted, from that in the shrunk ones and that of the diagonal alone.
pub fn unshrunk(energy: f64, of_columns: f64, gram: &Gram) -> f64 {
    let share = f64::from(gram.shrinkage);
    (energy - share * of_columns) / (1.0 - share)
}

/// Sums of squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightError {
    /// Of what a matrix lost.
    pub error: f64,
    /// Of the matrix.
    pub norm: f64,
    /// Of what it lost, each column times its mean square input; 0 where these are not known.
    pub by_inputs: f64,
}

/// What `w` loses when it becomes `matrix`. A row is decoded while it is in cache: one pass over `w`. Sums are f32 within a
/// row and f64 beyond.
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

/// `part / whole`, 0 for 0 / 0.
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
