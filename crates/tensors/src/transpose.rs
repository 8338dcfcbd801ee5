//! Transposing matrices, for models that store [inputs, outputs].

use crate::bytes::resize;
use kerf_kernels::Compute;

/// Edge of the square tiles that are transposed one at a time. Rows of the input and of the output tile stay in the cache.
const TILE: usize = 32;

/// `out` [cols, rows] = the transpose of `values` [rows, cols]. The content of `out` is replaced.
pub fn transpose_into(
    compute: &Compute,
    values: &[f32],
    rows: usize,
    cols: usize,
    out: &mut Vec<f32>,
) {
    assert_eq!(values.len(), rows * cols, "values of another shape");
    resize(out, rows * cols);
    if out.is_empty() {
        return;
    }
    compute.pool.chunks_mut(out, TILE * rows, |tile, out| {
        let first = tile * TILE;
        for start in (0..rows).step_by(TILE) {
            for (at, out) in out.chunks_exact_mut(rows).enumerate() {
                for row in start..(start + TILE).min(rows) {
                    out[row] = values[row * cols + first + at];
                }
            }
        }
    });
}

/// [`transpose_into`] with a new buffer.
pub fn transpose(compute: &Compute, values: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    let mut out = Vec::new();
    transpose_into(compute, values, rows, cols, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_changes_its_place_and_twice_is_nothing() {
        let compute = Compute::new(None, 2).unwrap();
        for (rows, cols) in [(1, 1), (3, 70), (65, 33), (0, 4), (4, 0), (32, 32)] {
            let values: Vec<f32> = (0..rows * cols).map(|at| at as f32).collect();
            let turned = transpose(&compute, &values, rows, cols);
            for row in 0..rows {
                for col in 0..cols {
                    assert_eq!(turned[col * rows + row], values[row * cols + col]);
                }
            }
            assert_eq!(transpose(&compute, &turned, cols, rows), values);
        }
    }
}
