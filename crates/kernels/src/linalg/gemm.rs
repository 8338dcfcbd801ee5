//! Matrix products, cut into fixed tiles that the pool computes.

use super::block::Block;
use super::tile::Tile;
use crate::{Kernels, Pool};

/// Rows and columns of a tile in a triangular product, and in a product with few tiles.
const SMALL: usize = 256;
/// Rows of a tile in a large product. In measurements 512 x 256 tiles ran at faer's full rate for any depth from 128 on. Tiles of
/// 1024 columns lost a quarter, and so did the whole product in one call, because the packed operands leave the second-level
/// cache.
const LARGE: usize = 512;
/// With fewer tiles than this, threads of a usual machine would be idle.
const ENOUGH_TILES: usize = 16;
/// A triangular product of fewer rows than this is cut into smaller tiles, because threads would wait for one another.
const FEW: usize = 512;
const FEW_SIDE: usize = 128;
/// Number of tokens that a triangular product adds at a time.
const TOKENS: usize = 512;

/// Rows and columns of a tile of an `m` x `n` product. They follow from the shape alone, never from the number of threads.
fn tile_shape(m: usize, n: usize) -> (usize, usize) {
    match m.div_ceil(LARGE) * n.div_ceil(SMALL) >= ENOUGH_TILES {
        true => (LARGE, SMALL),
        false => (SMALL, SMALL),
    }
}

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
    let (tile_rows, tile_cols) = tile_shape(c.rows, c.cols);
    let (down, across) = (c.rows.div_ceil(tile_rows), c.cols.div_ceil(tile_cols));
    pool.run(down * across, |index| {
        let (i, j) = (index / across * tile_rows, index % across * tile_cols);
        let rows = tile_rows.min(c.rows - i);
        let cols = tile_cols.min(c.cols - j);
        let c = c.part(i, j, rows, cols);
        let a = a.part(i, 0, rows, a.cols);
        let b = b.part(0, j, b.rows, cols);
        // SAFETY: every task writes a tile of c of its own; a and b are only read.
        unsafe {
            // A product that replaces the tile needs no zeros in it.
            if beta != 0.0 || a.cols == 0 {
                scale(c, beta);
            }
            if a.cols > 0 {
                block.product(c, a, b, alpha, beta != 0.0);
            }
        }
    });
}

/// `c = beta c`, before products are added. With `beta` 0 the old content is overwritten, even if it is NaN.
///
/// # Safety
/// No other thread uses the tile.
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

/// Lower triangle of `c += alpha a b`, computed in the tiles on and below the diagonal. The product must be symmetric, and `b`
/// must hold the values of `a^T`, possibly in other memory.
pub(super) fn symmetric(
    block: impl Block,
    pool: &Pool,
    c: Tile<'_>,
    a: Tile<'_>,
    b: Tile<'_>,
    alpha: f32,
) {
    if a.cols == 0 {
        return;
    }
    let side = if c.rows <= FEW { FEW_SIDE } else { SMALL };
    let across = c.rows.div_ceil(side);
    pool.run(across * (across + 1) / 2, |index| {
        let (i, j) = triangle(index);
        let rows = side.min(c.rows - i * side);
        let cols = side.min(c.rows - j * side);
        let part = c.part(i * side, j * side, rows, cols);
        let left = a.part(i * side, 0, rows, a.cols);
        let right = b.part(0, j * side, b.rows, cols);
        // SAFETY: every task writes a tile of c of its own; a and b are only read.
        unsafe {
            match i == j {
                true => block.symmetric(part, left, right, alpha),
                false => block.product(part, left, right, alpha, true),
            }
        }
    });
}

/// Lower triangle of `h += x^T x`. The left operand is transposed into scratch first. faer takes 2.5 times as long for two
/// operands whose depth runs down their rows.
pub(super) fn gram(block: impl Block, kernels: Kernels, pool: &Pool, h: Tile<'_>, x: Tile<'_>) {
    let n = x.cols;
    let mut scratch = vec![0.0f32; n * TOKENS.min(x.rows)];
    for at in (0..x.rows).step_by(TOKENS) {
        let tokens = TOKENS.min(x.rows - at);
        let x = x.part(at, 0, tokens, n);
        let left = Tile::dense(&mut scratch[..n * tokens], n, tokens);
        transposition(kernels, pool, left, x);
        symmetric(block, pool, h, left, x, 1.0);
    }
}

/// `c = beta c + alpha a^T b`, with the left operand transposed as in [`gram`].
pub(super) fn product_transposed(
    block: impl Block,
    (kernels, pool): (Kernels, &Pool),
    c: Tile<'_>,
    a: Tile<'_>,
    b: Tile<'_>,
    alpha: f32,
    beta: f32,
) {
    let m = a.cols;
    let mut scratch = vec![0.0f32; m * TOKENS.min(a.rows)];
    // The loop runs at least once, since it also scales c.
    for at in (0..a.rows.max(1)).step_by(TOKENS) {
        let depth = TOKENS.min(a.rows - at);
        let left = Tile::dense(&mut scratch[..m * depth], m, depth);
        transposition(kernels, pool, left, a.part(at, 0, depth, m));
        let right = b.part(at, 0, depth, b.cols);
        let beta = if at == 0 { beta } else { 1.0 };
        product(block, pool, c, left, right, alpha, beta);
    }
}

/// `to = from^T`. `to` is dense, and the rows of `from` are contiguous.
pub(super) fn transposition(kernels: Kernels, pool: &Pool, to: Tile<'_>, from: Tile<'_>) {
    pool.run(to.rows.div_ceil(TRANSPOSED_ROWS), |task| {
        let at = task * TRANSPOSED_ROWS;
        let rows = TRANSPOSED_ROWS.min(to.rows - at);
        let from = from.part(0, at, from.rows, rows);
        // SAFETY: every task writes its own rows of `to`; `from` is only read.
        unsafe {
            let out = to.part(at, 0, rows, to.cols).dense_mut();
            kernels.transpose(from.span(), from.row_stride, rows, out);
        }
    });
}

/// Number of rows of the transposed matrix in one task.
const TRANSPOSED_ROWS: usize = 64;

/// `c = beta c + alpha a b^T` for few rows of `a`. Every row of `b` is read once.
pub(super) fn few_rows(
    kernels: Kernels,
    pool: &Pool,
    c: Tile<'_>,
    a: Tile<'_>,
    b: Tile<'_>,
    alpha: f32,
    beta: f32,
) {
    pool.run(b.rows.div_ceil(SMALL), |task| {
        let from = task * SMALL;
        for j in from..b.rows.min(from + SMALL) {
            for i in 0..c.rows {
                // SAFETY: every task writes columns of c of its own; a and b are only read.
                unsafe {
                    let sum = alpha * kernels.dot(a.row(i, 0, a.cols), b.row(j, 0, b.cols));
                    let old = if beta == 0.0 { 0.0 } else { beta * c.get(i, j) };
                    c.set(i, j, old + sum);
                }
            }
        }
    });
}

/// Row and column of place `index` in a lower triangle that is numbered row by row.
pub(super) fn triangle(index: usize) -> (usize, usize) {
    let mut row = ((8 * index + 1).isqrt() - 1) / 2;
    while row * (row + 1) / 2 > index {
        row -= 1;
    }
    (row, index - row * (row + 1) / 2)
}
