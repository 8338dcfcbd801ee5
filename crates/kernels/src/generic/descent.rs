//! Coordinate descent on a quadratic form, for strips of rows.

use super::panel_grid::{Grid, choose, keep, write_codes};
use super::panel_scratch::Scratch;
use super::strip::{STEP, VECTORS, each, subtract_products, to_columns, to_rows};
use crate::dispatch::DescentPanel;
use crate::simd::Simd;

/// The plain form is [`crate::reference::descent::descent_panel`]: row by row, column by column; after each column the whole gradient of the
/// row is brought up to date with its change.
///
/// Departures, of which the first three are those of [`super::obs::obs_panel`]:
///
/// 1. The lanes of a vector are rows, which do not depend on one another. A strip of four vectors of rows is transposed into
///    cache, and back when it is done.
/// 2. The gradient of a column is brought up to date late: four columns at a time, with all changes before them. That is a
///    small matrix product in registers. The plain form writes the whole row for every column.
/// 3. A machine with 16 registers takes two vectors of rows at a time instead of four.
/// 4. The changes behind a column do not matter to its new value. So they are added to its gradient in a second pass
///    (`complete_step`), again as a small matrix product.
/// 5. Division by h_jj is multiplication by its reciprocal, computed once a column. This is why the kernel is close and not
///    exact.
#[inline(always)]
pub(crate) fn descent_panel<S: Simd>(simd: S, mut panel: DescentPanel<'_>) {
    panel.check();
    let width = panel.width;
    if width == 0 {
        return;
    }
    let rows = VECTORS * S::LANES;
    let mut scratch = Scratch::new(rows);
    scratch.pack_square(panel.h, panel.h_stride, width);
    let grid = panel.quant.as_ref().map(|quant| Grid::new(simd, quant));
    let price = panel.quant.as_ref().and_then(|quant| quant.price);
    if let Some(price) = price {
        scratch.set_prices(price);
    }
    for first in (0..panel.rows).step_by(rows) {
        let count = rows.min(panel.rows - first);
        let strip = first..first + count;
        scratch.set_keep(panel.mask, panel.mask_stride, width, strip.clone());
        if let Some(quant) = &panel.quant {
            scratch.set_scales(quant, width, strip.clone());
        }
        let shape = (count, width);
        let q = panel.q[first * panel.q_stride..].as_mut_ptr();
        let g = panel.g[first * panel.g_stride..].as_mut_ptr();
        // SAFETY: `check` saw `width` elements in each row of q and g; the scratch has `rows` elements a column.
        unsafe {
            to_columns(simd, q, panel.q_stride, scratch.values(), rows, shape);
            to_columns(simd, g, panel.g_stride, scratch.gradient(), rows, shape);
        }
        match price {
            Some(_) => all_columns::<S, true>(simd, grid, &mut scratch, width),
            None => all_columns::<S, false>(simd, grid, &mut scratch, width),
        }
        let delta = panel.delta[first * width..].as_mut_ptr();
        // SAFETY: as above, and `check` saw as many elements in delta.
        unsafe {
            to_rows(simd, scratch.values(), rows, q, panel.q_stride, shape);
            to_rows(simd, scratch.gradient(), rows, g, panel.g_stride, shape);
            to_rows(simd, scratch.errors(), rows, delta, width, shape);
        }
        if let Some(quant) = &mut panel.quant {
            write_codes(simd, quant, (panel.q, panel.q_stride), width, strip);
        }
    }
}

/// All columns of one strip.
#[inline(always)]
fn all_columns<S: Simd, const PRICED: bool>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    width: usize,
) {
    let steps = width.div_ceil(STEP);
    // As many accumulators as the registers hold. The rows of a strip are independent too.
    if S::MANY_REGISTERS {
        for step in 0..steps {
            descend_step::<S, VECTORS, PRICED>(simd, grid, scratch, (step, steps), 0);
        }
        for step in 0..steps {
            complete_step::<S, VECTORS>(simd, scratch, (step, steps), 0);
        }
    } else {
        for from in (0..VECTORS).step_by(2) {
            for step in 0..steps {
                descend_step::<S, 2, PRICED>(simd, grid, scratch, (step, steps), from);
            }
            for step in 0..steps {
                complete_step::<S, 2>(simd, scratch, (step, steps), from);
            }
        }
    }
}

/// Four columns of `N` vectors of rows, from vector `from`: new values, and the gradient after them.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Indices say which register meets which.
fn descend_step<S: Simd, const N: usize, const PRICED: bool>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    (step, steps): (usize, usize),
    from: usize,
) {
    let rows = VECTORS * S::LANES;
    let at = step * STEP;
    let (q, g, d) = (scratch.values(), scratch.gradient(), scratch.errors());
    // SAFETY: the scratch has `rows` elements for each of the most columns, for each step a packed row for each column,
    // and a pivot for each column.
    unsafe {
        let lanes = from * S::LANES;
        let (q, g, d) = (q.add(lanes), g.add(lanes), d.add(lanes));
        let matrix = scratch.matrix().add(at * steps * STEP);
        let (pivots, inverse) = (scratch.pivots().add(at), scratch.inverse_pivots().add(at));
        let mut sum: [[S::F; N]; STEP] = load_step(simd, g, at);
        subtract_products(simd, &mut sum, d, matrix, 0..at);
        // Unrolled by hand: a register cannot be chosen by a variable.
        each!(c of STEP => {
            let pivot = *pivots.add(c);
            let (weight, inverse) = (simd.splat(pivot), simd.splat(*inverse.add(c)));
            each!(v of N => {
                let place = (at + c) * rows + v * S::LANES;
                let old = simd.load(q.add(place));
                let of = (at + c, from + v);
                let new = if pivot > 0.0 {
                    let best = (simd.mul_add(sum[c][v], inverse, old), weight);
                    choose::<S, PRICED>(simd, grid, scratch, best, of)
                } else {
                    keep(simd, scratch, old, of)
                };
                let change = simd.sub(new, old);
                simd.store(new, q.add(place));
                simd.store(change, d.add(place));
                each!(other of STEP => {
                    let h = simd.splat(*matrix.add((at + c) * STEP + other));
                    sum[other][v] = simd.neg_mul_add(change, h, sum[other][v]);
                });
            });
        });
        store_step(simd, &sum, g, at);
    }
}

/// The gradient of four columns after the changes behind them.
#[inline(always)]
fn complete_step<S: Simd, const N: usize>(
    simd: S,
    scratch: &mut Scratch,
    (step, steps): (usize, usize),
    from: usize,
) {
    let at = step * STEP;
    let lanes = from * S::LANES;
    // SAFETY: as in `descend_step`.
    unsafe {
        let (g, d) = (scratch.gradient().add(lanes), scratch.errors().add(lanes));
        let matrix = scratch.matrix().add(at * steps * STEP);
        let mut sum: [[S::F; N]; STEP] = load_step(simd, g, at);
        subtract_products(simd, &mut sum, d, matrix, at + STEP..steps * STEP);
        store_step(simd, &sum, g, at);
    }
}

/// Four columns of `N` vectors, from column `at`.
///
/// # Safety
/// They are readable, at the places of a strip's columns.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
unsafe fn load_step<S: Simd, const N: usize>(
    simd: S,
    columns: *const f32,
    at: usize,
) -> [[S::F; N]; STEP] {
    let mut step = [[simd.splat(0.0); N]; STEP];
    for c in 0..STEP {
        for v in 0..N {
            // SAFETY: the caller's promise.
            step[c][v] = unsafe { simd.load(columns.add(((at + c) * VECTORS + v) * S::LANES)) };
        }
    }
    step
}

/// The inverse of [`load_step`].
///
/// # Safety
/// They are writable.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
unsafe fn store_step<S: Simd, const N: usize>(
    simd: S,
    step: &[[S::F; N]; STEP],
    columns: *mut f32,
    at: usize,
) {
    for c in 0..STEP {
        for v in 0..N {
            // SAFETY: the caller's promise.
            unsafe { simd.store(step[c][v], columns.add(((at + c) * VECTORS + v) * S::LANES)) };
        }
    }
}
