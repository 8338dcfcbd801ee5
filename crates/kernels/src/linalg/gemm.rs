//! Products cut into fixed tiles that the pool runs.

use super::block::Block;
use super::tile::Tile;
use crate::{Kernels, Pool};

/// Side of a tile of a triangular product, and of a product with few tiles.
const SMALL: usize = 256;
/// Rows of a tile of a large product. Measured: 512 x 256 runs at faer's full rate for any depth from 128 on; tiles of
/// 1024 columns lose a quarter, as does the whole product at once, because their packed operands leave the second cache.
const LARGE: usize = 512;
/// Fewer tiles than this leave threads of a usual machine without work.
const ENOUGH_TILES: usize = 16;
/// A triangular product of fewer rows is cut into smaller tiles, or threads would wait for one another.
const FEW: usize = 512;
const FEW_SIDE: usize = 128;
/// Tokens that a product of inputs with inputs takes at a time.
const TOKENS: usize = 512;

/// Rows and columns of a tile of an `m` x `n` product; from the shape alone, never from the number of threads.
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

/// Lower triangle of `c += alpha a b`, the tiles on and under the diagonal only. The product is symmetric: `b` holds the
/// values of `a^T`, perhaps in another place.
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
        // SAFETY: every task has its own tile of c; a and b are only read.
        unsafe {
            match i == j {
                true => block.symmetric(part, left, right, alpha),
                false => block.product(part, left, right, alpha, true),
            }
        }
    });
}

/// Lower triangle of `h += x^T x`.
pub(super) fn gram(block: impl Block, pool: &Pool, h: Tile<'_>, x: Tile<'_>) {
    in_depths(pool, x, |left, from, tokens| {
        symmetric(block, pool, h, left, x.part(from, 0, tokens, x.cols), 1.0);
    });
}

/// `c = beta c + alpha a^T b`.
pub(super) fn transposed_left(
    block: impl Block,
    pool: &Pool,
    c: Tile<'_>,
    a: Tile<'_>,
    b: Tile<'_>,
    alpha: f32,
    beta: f32,
) {
    if a.rows == 0 {
        return product(block, pool, c, a.transposed(), b, alpha, beta);
    }
    in_depths(pool, a, |left, from, depth| {
        let beta = if from == 0 { beta } else { 1.0 };
        let right = b.part(from, 0, depth, b.cols);
        product(block, pool, c, left, right, alpha, beta);
    });
}

/// Runs `each(part^T, first row, rows)` for some rows of `x` after others. They are transposed into scratch first: faer takes
/// 2.5 times as long for two operands whose depth runs down their rows.
fn in_depths(pool: &Pool, x: Tile<'_>, mut each: impl FnMut(Tile<'_>, usize, usize)) {
    let n = x.cols;
    let mut scratch = vec![0.0f32; n * TOKENS.min(x.rows)];
    for at in (0..x.rows).step_by(TOKENS) {
        let tokens = TOKENS.min(x.rows - at);
        let part = x.part(at, 0, tokens, n);
        let left = Tile::dense(&mut scratch[..n * tokens], n, tokens);
        pool.run(n.div_ceil(TRANSPOSED_ROWS), |task| {
            let from = task * TRANSPOSED_ROWS;
            let rows = TRANSPOSED_ROWS.min(n - from);
            // SAFETY: every task writes its own rows of the scratch; x is only read.
            unsafe {
                transpose(
                    left.part(from, 0, rows, tokens),
                    part.part(0, from, tokens, rows),
                )
            };
        });
        each(left, at, tokens);
    }
}

/// Rows of the transposed matrix that one task writes.
const TRANSPOSED_ROWS: usize = 64;

/// `to = from^T`, in squares that stay in the first cache.
///
/// # Safety
/// Nobody else uses `to`, and nobody writes `from`.
unsafe fn transpose(to: Tile<'_>, from: Tile<'_>) {
    const SIDE: usize = 16;
    for left in (0..to.cols).step_by(SIDE) {
        let right = to.cols.min(left + SIDE);
        for i in 0..to.rows {
            // SAFETY: the caller's promise.
            unsafe {
                let row = to.row_mut(i, left, right);
                for (j, value) in row.iter_mut().enumerate() {
                    *value = from.get(left + j, i);
                }
            }
        }
    }
}

/// `c = beta c + alpha a b^T` for a few rows of `a`: every row of `b` is read once.
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
                // SAFETY: every task has its own columns of c; a and b are only read.
                unsafe {
                    let sum = alpha * kernels.dot(a.row(i, 0, a.cols), b.row(j, 0, b.cols));
                    let old = if beta == 0.0 { 0.0 } else { beta * c.get(i, j) };
                    c.set(i, j, old + sum);
                }
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
