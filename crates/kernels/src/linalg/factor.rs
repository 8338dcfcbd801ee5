//! The factor that optimal brain surgeon needs. The computation is blocked, so that nearly all of it is matrix products.

use super::block::Block;
use super::tile::Tile;
use super::{NotPositive, flip, gemm};
use crate::Pool;

/// Columns of a panel. A panel must be wide enough for products at full rate. It must also be narrow, because one thread alone
/// computes the blocks on the diagonal.
pub(super) fn panel_width(n: usize) -> usize {
    if n <= 2048 { 128 } else { 256 }
}

/// Rows of a panel in one task.
const TASK_ROWS: usize = 128;

/// See [`super::Linalg::inverse_upper_factor`].
pub(super) fn inverse_upper(
    block: impl Block,
    pool: &Pool,
    h: Tile<'_>,
) -> Result<(), NotPositive> {
    if h.rows == 0 {
        return Ok(());
    }
    flip::reverse_symmetric(pool, h);
    cholesky(block, pool, h)?;
    invert(block, pool, h);
    flip::lower_to_reversed_upper(pool, h);
    Ok(())
}

/// Start and width of each panel.
pub(super) fn panels(n: usize) -> impl DoubleEndedIterator<Item = (usize, usize)> {
    let width = panel_width(n);
    (0..n.div_ceil(width)).map(move |p| (p * width, width.min(n - p * width)))
}

/// Right-looking Cholesky factorization of the lower triangle.
fn cholesky(block: impl Block, pool: &Pool, h: Tile<'_>) -> Result<(), NotPositive> {
    let n = h.rows;
    for (at, width) in panels(n) {
        let corner = h.part(at, at, width, width);
        // SAFETY: no task is running, so this thread alone uses the block.
        unsafe {
            block
                .cholesky(corner)
                .and_then(|()| finite_pivots(corner))
                .map_err(|index| NotPositive { index: at + index })?;
        }
        let below = at + width;
        let panel = h.part(below, at, n - below, width);
        pool.run(panel.rows.div_ceil(TASK_ROWS), |task| {
            let from = task * TASK_ROWS;
            let rows = panel.part(from, 0, TASK_ROWS.min(panel.rows - from), width);
            // SAFETY: every task writes rows of its own and only reads the corner.
            unsafe { block.solve_right_transposed(rows, corner) };
        });
        let trailing = h.part(below, below, n - below, n - below);
        gemm::symmetric(block, pool, trailing, panel, panel.transposed(), -1.0);
    }
    Ok(())
}

/// Checks that all pivots of a factored block are finite and positive. A NaN passes some tests for "not positive"; it does not
/// pass this one.
///
/// # Safety
/// No other thread writes the block.
unsafe fn finite_pivots(corner: Tile<'_>) -> Result<(), usize> {
    // SAFETY: the caller's promise.
    let pivot = |i: &usize| unsafe { corner.get(*i, *i) };
    let bad = |i: &usize| !(pivot(i) > 0.0 && pivot(i).is_finite());
    (0..corner.rows).find(bad).map_or(Ok(()), Err)
}

/// Replaces the lower triangle by its inverse, from the last panel to the first. The part of a panel below its corner becomes
/// `-inverse(trailing) panel inverse(corner)`.
fn invert(block: impl Block, pool: &Pool, h: Tile<'_>) {
    let n = h.rows;
    let corners: Vec<_> = panels(n).collect();
    pool.run(corners.len(), |index| {
        let (at, width) = corners[index];
        // SAFETY: every task has its own block.
        unsafe { block.invert_lower(h.part(at, at, width, width)) };
    });
    let mut scratch = vec![0.0f32; n * panel_width(n)];
    for (at, width) in corners.into_iter().rev() {
        invert_panel(block, pool, h, (at, width), &mut scratch);
    }
}

fn invert_panel(
    block: impl Block,
    pool: &Pool,
    h: Tile<'_>,
    (at, width): (usize, usize),
    scratch: &mut [f32],
) {
    let n = h.rows;
    let below = at + width;
    let rows = n - below;
    let corner = h.part(at, at, width, width);
    let panel = h.part(below, at, rows, width);
    let trailing = h.part(below, below, rows, rows);
    let product = Tile::dense(&mut scratch[..rows * width], rows, width);
    let tasks = rows.div_ceil(TASK_ROWS);
    pool.run(tasks, |task| {
        let from = task * TASK_ROWS;
        let count = TASK_ROWS.min(rows - from);
        // SAFETY: every task writes rows of the scratch of its own; the matrix is only read.
        unsafe {
            let (to, left) = (
                product.part(from, 0, count, width),
                panel.part(from, 0, count, width),
            );
            block.product(to, left, corner, 1.0, false);
        }
    });
    pool.run(tasks, |task| {
        // The last rows have the most work, so they start first.
        let from = (tasks - 1 - task) * TASK_ROWS;
        let count = TASK_ROWS.min(rows - from);
        let done = from + count;
        // SAFETY: every task writes rows of the panel of its own. The trailing part and the scratch are only read. The blocks on
        // the diagonal of the trailing part have zeros above the diagonal, and a task's rows end within one of these blocks.
        unsafe {
            let left = trailing.part(from, 0, count, done);
            let right = product.part(0, 0, done, width);
            block.product(panel.part(from, 0, count, width), left, right, -1.0, false);
        }
    });
}
