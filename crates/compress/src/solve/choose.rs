//! Chooses the mask of a whole matrix by fixed scores, which do not change while weights are removed.

use super::PANEL_ROWS;
use super::selection::{
    MaskRegion, RowScores, keep_highest_near, keep_highest_per_row, keep_n_of_m,
};
use crate::solve::pattern::{Pattern, removed_between};
use kerf_kernels::Compute;
use kerf_tensors::Mask;

/// Keeps the weights with the highest scores, with the given pattern and sparsity. `shape` is [rows, cols].
pub fn choose(
    compute: &Compute,
    shape: (usize, usize),
    pattern: Pattern,
    sparsity: f64,
    scores: &RowScores<'_>,
) -> Mask {
    choose_near(compute, shape, pattern, sparsity, scores, &mut None)
}

/// [`choose`] for scores that change little from call to call. `near` is that of [`keep_highest_near`].
pub fn choose_near(
    compute: &Compute,
    shape: (usize, usize),
    pattern: Pattern,
    sparsity: f64,
    scores: &RowScores<'_>,
    near: &mut Option<f32>,
) -> Mask {
    let (rows, cols) = shape;
    let mut mask = Mask::empty(rows, cols);
    let stride = mask.stride;
    let region = |bits| MaskRegion {
        bits,
        stride,
        rows,
        cols,
    };
    match pattern {
        Pattern::Unstructured => {
            let remove = removed_between(sparsity, rows, 0, cols);
            keep_highest_near(compute, region(&mut mask.bits), remove, scores, near);
        }
        Pattern::Row => {
            let remove = removed_between(sparsity, 1, 0, cols);
            keep_highest_per_row(compute, region(&mut mask.bits), remove, scores);
        }
        Pattern::Nm { n, m } => {
            compute
                .pool
                .chunks_mut(&mut mask.bits, PANEL_ROWS * stride, |panel, bits| {
                    let mut row = vec![0.0; cols];
                    for (i, out) in bits.chunks_mut(stride).enumerate() {
                        scores(panel * PANEL_ROWS + i, &mut row);
                        keep_n_of_m(&row, n, m, out);
                    }
                });
        }
    }
    mask
}
