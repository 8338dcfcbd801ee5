//! Products cut into fixed tiles that the pool runs.

use super::block::Block;
use super::tile::Tile;
use crate::Pool;

/// Tile of a product: large enough for faer's full rate on one thread, small enough that threads find work.
const TILE_ROWS: usize = 256;
const TILE_COLS: usize = 512;
/// Side of a tile of a triangular product.
pub(super) const TILE_SYMMETRIC: usize = 256;

/// `c = beta c + alpha a b`.
pub(super) fn product(
    block: impl Block,
    pool: &Pool,
    c: Tile<'_>,
    a: Tile<'_>,
    b: Tile<'_>,
    alpha: f32,
    beta: f32,
) {
    let (down, across) = (c.rows.div_ceil(TILE_ROWS), c.cols.div_ceil(TILE_COLS));
    pool.run(down * across, |index| {
        let (i, j) = (index / across * TILE_ROWS, index % across * TILE_COLS);
        let rows = TILE_ROWS.min(c.rows - i);
        let cols = TILE_COLS.min(c.cols - j);
        let c = c.part(i, j, rows, cols);
        let a = a.part(i, 0, rows, a.cols);
        let b = b.part(0, j, b.rows, cols);
        // SAFETY: every task has its own tile of c; a and b are only read.
        unsafe {
            scale(c, beta);
            if a.cols > 0 {
                block.product(c, a, b, alpha, beta != 0.0);
            }
        }
    });
}

/// `c = beta c`, so that adding to it is right; with `beta` 0 the old content, NaN or not, is gone.
///
/// # Safety
/// Nobody else uses the tile meanwhile.
unsafe fn scale(c: Tile<'_>, beta: f32) {
    if beta == 1.0 {
        return;
    }
    for i in 0..c.rows {
        // SAFETY: the caller's promise.
        let row = unsafe { c.row_mut(i, 0, c.cols) };
        match beta {
            0.0 => row.fill(0.0),
            _ => row.iter_mut().for_each(|x| *x *= beta),
        }
    }
}

/// Lower triangle of `c += alpha a a^T`, the tiles on and under the diagonal only.
pub(super) fn symmetric(block: impl Block, pool: &Pool, c: Tile<'_>, a: Tile<'_>, alpha: f32) {
    if a.cols == 0 {
        return;
    }
    let side = TILE_SYMMETRIC;
    let across = c.rows.div_ceil(side);
    pool.run(across * (across + 1) / 2, |index| {
        let (i, j) = triangle(index);
        let rows = side.min(c.rows - i * side);
        let cols = side.min(c.rows - j * side);
        let part = c.part(i * side, j * side, rows, cols);
        let left = a.part(i * side, 0, rows, a.cols);
        // SAFETY: every task has its own tile of c; a is only read.
        unsafe {
            if i == j {
                block.symmetric(part, left, alpha);
            } else {
                let right = a.part(j * side, 0, cols, a.cols).transposed();
                block.product(part, left, right, alpha, true);
            }
        }
    });
}

/// Row and column of the `index`-th place of a lower triangle, row by row.
pub(super) fn triangle(index: usize) -> (usize, usize) {
    let mut row = ((8 * index + 1).isqrt() - 1) / 2;
    while row * (row + 1) / 2 > index {
        row -= 1;
    }
    (row, index - row * (row + 1) / 2)
}
