//! The column loop of optimal brain surgeon, for strips of rows.

use super::panel_grid::{Grid, choose, write_codes};
use super::panel_scratch::Scratch;
use super::strip::{STEP, VECTORS, each, subtract_products, to_columns, to_rows};
use crate::dispatch::ObsPanel;
use crate::simd::Simd;

/// The plain form is [`crate::reference::obs::obs_panel`]: row by row, column by column; the error of each finished column is passed on to
/// all columns behind it at once.
///
/// Departures:
///
/// 1. The lanes of a vector are rows, which do not depend on one another. Columns do: each waits for the one before it. A
///    strip of four vectors of rows is transposed into cache ([`super::strip`]), and back when it is done.
/// 2. The errors reach a column late: four columns at a time are brought up to date with all errors before them, which is a
///    small matrix product in registers. Then they are finished one after the other. The plain form writes the whole rest of
///    the row for every column. Right of a block of columns the caller does the same as one large product.
/// 3. A machine with 16 registers takes two vectors of rows at a time instead of four, since 4 x 4 sums would not fit.
/// 4. The factor is packed in the order in which the loop reads it, once for all strips ([`super::panel_scratch`]).
/// 5. Division by u_jj is multiplication by its reciprocal, and division by a scale likewise. This is why the kernel is close
///    and not exact.
/// 6. The mask is transposed into one word of rows a column. A scale of 0 is a bit of that mask.
/// 7. Codes are computed from the final values, a row at a time, when the strip lies in rows again
///    ([`super::panel_grid::write_codes`]).
#[inline(always)]
pub(crate) fn obs_panel<S: Simd>(simd: S, mut panel: ObsPanel<'_>) {
    panel.check();
    let width = panel.width;
    if width == 0 {
        return;
    }
    let rows = VECTORS * S::LANES;
    let mut scratch = Scratch::new(rows);
    scratch.pack_triangle(panel.u, panel.u_stride, width);
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
        let w = panel.w[first * panel.w_stride..].as_mut_ptr();
        // SAFETY: `check` saw `width` elements in each row of w; the scratch has `rows` elements a column.
        unsafe { to_columns(simd, w, panel.w_stride, scratch.values(), rows, shape) };
        match price {
            Some(_) => finish_columns::<S, true>(simd, grid, &mut scratch, width),
            None => finish_columns::<S, false>(simd, grid, &mut scratch, width),
        }
        let err = panel.err[first * width..].as_mut_ptr();
        // SAFETY: as above, and `check` saw as many elements in err.
        unsafe {
            to_rows(simd, scratch.values(), rows, w, panel.w_stride, shape);
            to_rows(simd, scratch.errors(), rows, err, width, shape);
        }
        if let Some(quant) = &mut panel.quant {
            write_codes(simd, quant, (panel.w, panel.w_stride), width, strip);
        }
    }
}

/// All columns of one strip.
#[inline(always)]
fn finish_columns<S: Simd, const PRICED: bool>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    width: usize,
) {
    for step in 0..width.div_ceil(STEP) {
        // As many accumulators as the registers hold.
        if S::MANY_REGISTERS {
            finish_step::<S, VECTORS, PRICED>(simd, grid, scratch, step, 0);
        } else {
            for from in (0..VECTORS).step_by(2) {
                finish_step::<S, 2, PRICED>(simd, grid, scratch, step, from);
            }
        }
    }
}

/// Four columns of `N` vectors of rows, from vector `from`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Indices say which register meets which.
#[allow(unused_assignments)] // The last column's sums are needed no more.
fn finish_step<S: Simd, const N: usize, const PRICED: bool>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    step: usize,
    from: usize,
) {
    let rows = VECTORS * S::LANES;
    let at = step * STEP;
    let (w, e) = (scratch.values(), scratch.errors());
    // SAFETY: the scratch has `rows` elements for each of the most columns, a packed factor row for each column up to
    // the end of this step, and a pivot for each column.
    unsafe {
        let (w, e) = (w.add(from * S::LANES), e.add(from * S::LANES));
        let factor = scratch.matrix().add(Scratch::triangle_start(step));
        let pivots = scratch.inverse_pivots().add(at);
        let mut sum = [[simd.splat(0.0); N]; STEP];
        for c in 0..STEP {
            for v in 0..N {
                sum[c][v] = simd.load(w.add((at + c) * rows + v * S::LANES));
            }
        }
        subtract_products(simd, &mut sum, e, factor, 0..at);
        // Unrolled by hand: a register cannot be chosen by a variable.
        each!(c of STEP => {
            let pivot = simd.splat(*pivots.add(c));
            let weight = simd.mul(pivot, pivot);
            each!(v of N => {
                let current = sum[c][v];
                let best = (current, weight);
                let q = choose::<S, PRICED>(simd, grid, scratch, best, (at + c, from + v));
                let error = simd.mul(simd.sub(current, q), pivot);
                let place = (at + c) * rows + v * S::LANES;
                simd.store(q, w.add(place));
                simd.store(error, e.add(place));
                each!(later of STEP => {
                    if later > c {
                        let u = simd.splat(*factor.add((at + c) * STEP + later));
                        sum[later][v] = simd.neg_mul_add(error, u, sum[later][v]);
                    }
                });
            });
        });
    }
}
