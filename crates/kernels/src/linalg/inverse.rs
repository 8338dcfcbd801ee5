//! Computes the full inverse from its factor: a triangular matrix times its transpose, in place.

use super::block::Block;
use super::factor::{panel_width, panels};
use super::tile::Tile;
use super::{flip, gemm};
use crate::{Kernels, Pool};

/// See [`super::Linalg::inverse_from_factor`]. A row of the result depends only on the factor's rows at or above it. So the
/// panels are computed from the last to the first, and each overwrites a part of the factor that no later panel reads.
pub(super) fn from_factor(block: impl Block, kernels: Kernels, pool: &Pool, u: Tile<'_>) {
    let n = u.rows;
    let size = n * panel_width(n).min(n);
    let (mut left, mut right) = (vec![0.0f32; size], vec![0.0f32; size]);
    for (at, width) in panels(n).rev() {
        let depth = at + width;
        let across = n - at;
        let columns = Tile::dense(&mut left[..width * depth], width, depth);
        gemm::transposition(kernels, pool, columns, u.part(0, at, depth, width));
        let result = Tile::dense(&mut right[..width * across], width, across);
        let rows = u.part(0, at, depth, across);
        gemm::product(block, pool, result, columns, rows, 1.0, 0.0);
        let place = u.part(at, at, width, across);
        pool.run(width, |i| {
            // SAFETY: every task writes a row of its own; the result is only read.
            unsafe {
                place
                    .row_mut(i, 0, across)
                    .copy_from_slice(result.row(i, 0, across))
            };
        });
    }
    flip::mirror_upper(pool, u);
}
