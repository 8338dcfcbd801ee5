//! Bytes that a matrix will take in the container, before it is solved.

use crate::matrices::Matrix;
use crate::report::PlannedTensor;
use kerf_tensors::DType;

/// Content bytes of a matrix: mask, codes or values, scales, row table. Survivors are counted from the planned sparsity.
pub fn content_bytes(matrix: &Matrix, dtype: DType) -> u64 {
    let (rows, cols) = (matrix.rows as u64, matrix.cols as u64);
    let pruned = matrix.sparsity > 0.0;
    let kept = (rows * cols) as f64 * (1.0 - matrix.sparsity);
    let mask = if pruned {
        rows * cols.div_ceil(8) + rows.div_ceil(32) * 4
    } else {
        0
    };
    let (values, scales) = match matrix.grid {
        Some(grid) => (
            kept * grid.bits as f64 / 8.0,
            rows * grid.groups(matrix.cols) as u64 * 2,
        ),
        None => (kept * dtype.bits() as f64 / 8.0, 0),
    };
    mask + values.ceil() as u64 + scales
}

/// Header bytes of all files, roughly: one entry per plain tensor, two or four and a record per matrix.
pub fn header_bytes(tensors: &[PlannedTensor]) -> u64 {
    let entry = |t: &PlannedTensor| t.name.len() as u64 + 70;
    let whole = |t: &PlannedTensor| {
        if t.method.is_some() {
            // Codes and scales, and of a matrix with zeros mask and row table.
            let parts = if t.sparsity > 0.0 { 4 } else { 2 };
            parts * entry(t) + 250
        } else {
            entry(t)
        }
    };
    tensors.iter().map(whole).sum::<u64>() + 500
}
