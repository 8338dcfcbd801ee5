//! The column loop of optimal brain surgeon, for strips of rows.
//!
//! Rows are independent, so the lanes of a vector are rows. A strip of four vectors is transposed into cache; then four
//! columns at a time are brought up to date with all errors before them (a small matrix product, in registers), and
//! finished one after the other. Right of a block of columns the caller does the same as one large product.

use super::obs_scratch::{MAX_WIDTH, STEP, Scratch};
use super::quantize::quantize;
use crate::dispatch::{ObsPanel, Product};
use crate::simd::Simd;

/// Vectors of rows in a strip.
const VECTORS: usize = 4;

/// Repeats a block for each index below a small constant.
macro_rules! each {
    ($index:ident of $n:expr => $body:block) => {
        each!(@one $index 0 $n => $body);
        each!(@one $index 1 $n => $body);
        each!(@one $index 2 $n => $body);
        each!(@one $index 3 $n => $body);
    };
    (@one $index:ident $value:literal $n:expr => $body:block) => {
        let $index: usize = $value;
        if $index < $n $body
    };
}

#[inline(always)]
pub(crate) fn obs_panel<S: Simd>(simd: S, mut panel: ObsPanel<'_>) {
    panel.check();
    if panel.width == 0 {
        return;
    }
    if panel
        .quant
        .as_ref()
        .is_some_and(|quant| quant.price.is_some())
    {
        return crate::reference::obs_panel(panel);
    }
    let rows = VECTORS * S::LANES;
    let mut scratch = Scratch::new(rows);
    scratch.pack_factor(&panel);
    for first in (0..panel.rows).step_by(rows) {
        let count = rows.min(panel.rows - first);
        scratch.set_keep(&panel, first, count);
        scratch.set_scales(&panel, first, count);
        let shape = (count, panel.width);
        let w = panel.w[first * panel.w_stride..].as_mut_ptr();
        // SAFETY: `check` saw `width` elements in each row of w; the scratch has `rows` elements a column.
        unsafe { to_columns(simd, w, panel.w_stride, scratch.w(), rows, shape) };
        finish_columns(simd, &panel, &mut scratch);
        let w = panel.w[first * panel.w_stride..].as_mut_ptr();
        let err = panel.err[first * panel.width..].as_mut_ptr();
        // SAFETY: as above, and `check` saw as many elements in err.
        unsafe {
            to_rows(simd, scratch.w(), rows, w, panel.w_stride, shape);
            to_rows(simd, scratch.e(), rows, err, panel.width, shape);
        }
        write_codes(simd, &mut panel, first, count);
    }
}

/// The grid of a panel.
#[derive(Clone, Copy)]
struct Grid<S: Simd> {
    lo: S::F,
    hi: S::F,
    splitter: Option<S::F>,
}

/// What rounds an f32 to fewer bits by two differences (Veltkamp): 1 + 2^(bits of the fraction that go). Values too small
/// for f16 keep more bits than it has, which is no matter here: only the error that is passed on sees them.
fn splitter(product: Product) -> Option<f32> {
    match product {
        Product::F32 => None,
        Product::F16 => Some(8193.0),
        Product::BF16 => Some(65537.0),
    }
}

/// All columns of one strip.
#[inline(always)]
fn finish_columns<S: Simd>(simd: S, panel: &ObsPanel<'_>, scratch: &mut Scratch) {
    let grid = panel.quant.as_ref().map(|quant| {
        let (lo, hi) = (f32::from(quant.range.lo), f32::from(quant.range.hi));
        Grid {
            lo: simd.splat(lo),
            hi: simd.splat(hi),
            splitter: splitter(quant.product).map(|splitter| simd.splat(splitter)),
        }
    });
    for step in 0..panel.width.div_ceil(STEP) {
        // As many accumulators as the registers hold.
        if S::MANY_REGISTERS {
            finish_step::<S, VECTORS>(simd, grid, scratch, step, 0);
        } else {
            for from in (0..VECTORS).step_by(2) {
                finish_step::<S, 2>(simd, grid, scratch, step, from);
            }
        }
    }
}

/// Four columns of `N` vectors of rows, from vector `from`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Indices say which register meets which.
#[allow(unused_assignments)] // The last column's sums are needed no more.
fn finish_step<S: Simd, const N: usize>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    step: usize,
    from: usize,
) {
    let rows = VECTORS * S::LANES;
    let at = step * STEP;
    let (w, e) = (scratch.w(), scratch.e());
    // SAFETY: the scratch has `rows` elements for each of the most columns, a packed factor row for each column up to
    // the end of this step, and a pivot for each column.
    unsafe {
        let (w, e) = (w.add(from * S::LANES), e.add(from * S::LANES));
        let factor = scratch.factor().add(Scratch::factor_start(step));
        let pivots = scratch.inverse_pivots().add(at);
        let mut sum = [[simd.splat(0.0); N]; STEP];
        for c in 0..STEP {
            for v in 0..N {
                sum[c][v] = simd.load(w.add((at + c) * rows + v * S::LANES));
            }
        }
        for k in 0..at {
            let mut error = [simd.splat(0.0); N];
            for v in 0..N {
                error[v] = simd.load(e.add(k * rows + v * S::LANES));
            }
            for c in 0..STEP {
                let u = simd.splat(*factor.add(k * STEP + c));
                for v in 0..N {
                    sum[c][v] = simd.neg_mul_add(error[v], u, sum[c][v]);
                }
            }
        }
        // Unrolled by hand: a register cannot be chosen by a variable.
        each!(c of STEP => {
            let pivot = simd.splat(*pivots.add(c));
            each!(v of N => {
                let current = sum[c][v];
                let q = nearest(simd, grid, scratch, current, at + c, from + v);
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

/// The final values of column `j` in vector `v` of the strip: 0 if pruned, else the nearest grid value, else `w` itself.
#[inline(always)]
fn nearest<S: Simd>(
    simd: S,
    grid: Option<Grid<S>>,
    scratch: &mut Scratch,
    w: S::F,
    j: usize,
    v: usize,
) -> S::F {
    // Columns of padding keep nothing.
    let keep = (scratch.keep[j % MAX_WIDTH] >> (v * S::LANES)) as u32;
    let q = match grid {
        None => w,
        Some(Grid { lo, hi, splitter }) => {
            let group = scratch.group[j % MAX_WIDTH] as usize;
            let place = (group * VECTORS + v) * S::LANES;
            // SAFETY: the scratch has a scale for each row of the strip in each group.
            let (scale, inverse) = unsafe {
                let scale = simd.load(scratch.scales().add(place));
                (scale, simd.load(scratch.inverse_scales().add(place)))
            };
            let code = simd.min(simd.max(simd.mul(w, inverse), lo), hi);
            let product = simd.mul(simd.round(code), scale);
            match splitter {
                None => product,
                Some(splitter) => {
                    let large = simd.mul(product, splitter);
                    simd.sub(large, simd.sub(large, product))
                }
            }
        }
    };
    simd.select_bits(keep, q, simd.splat(0.0))
}

/// Transposes `shape.0` rows of `shape.1` columns into columns of `rows` elements; what is missing becomes 0.
///
/// # Safety
/// The rows are readable at `src`, `MAX_WIDTH` columns of `rows` elements writable at `dst`.
#[inline(always)]
unsafe fn to_columns<S: Simd>(
    simd: S,
    src: *const f32,
    stride: usize,
    dst: *mut f32,
    rows: usize,
    shape: (usize, usize),
) {
    let (count, width) = shape;
    for j in (0..width.next_multiple_of(STEP)).step_by(S::LANES) {
        for r in (0..rows).step_by(S::LANES) {
            // SAFETY: the caller's promise; a block is taken whole only where it lies inside.
            unsafe {
                let to = dst.add(j * rows + r);
                if r + S::LANES <= count && j + S::LANES <= width {
                    simd.transpose(src.add(r * stride + j), stride, to, rows);
                    continue;
                }
                for c in 0..S::LANES.min(MAX_WIDTH - j) {
                    for i in 0..S::LANES {
                        let inside = r + i < count && j + c < width;
                        let value = if inside {
                            *src.add((r + i) * stride + j + c)
                        } else {
                            0.0
                        };
                        *to.add(c * rows + i) = value;
                    }
                }
            }
        }
    }
}

/// The inverse of [`to_columns`]; writes only what `shape` has.
///
/// # Safety
/// The columns are readable at `src`, the rows writable at `dst`.
#[inline(always)]
unsafe fn to_rows<S: Simd>(
    simd: S,
    src: *const f32,
    rows: usize,
    dst: *mut f32,
    stride: usize,
    shape: (usize, usize),
) {
    let (count, width) = shape;
    for r in (0..count).step_by(S::LANES) {
        for j in (0..width).step_by(S::LANES) {
            // SAFETY: the caller's promise; a block is written whole only where it lies inside.
            unsafe {
                let from = src.add(j * rows + r);
                if r + S::LANES <= count && j + S::LANES <= width {
                    simd.transpose(from, rows, dst.add(r * stride + j), stride);
                    continue;
                }
                for i in 0..S::LANES.min(count - r) {
                    for c in 0..S::LANES.min(width - j) {
                        *dst.add((r + i) * stride + j + c) = *from.add(c * rows + i);
                    }
                }
            }
        }
    }
}

/// Codes of the finished weights: a weight on the grid divided by its scale rounds to its code.
#[inline(always)]
fn write_codes<S: Simd>(simd: S, panel: &mut ObsPanel<'_>, first: usize, count: usize) {
    let Some(quant) = &mut panel.quant else {
        return;
    };
    let width = panel.width;
    let span = quant.group.clamp(1, width.max(1));
    for r in first..first + count {
        let w = &panel.w[r * panel.w_stride..][..width];
        let codes = &mut quant.codes[r * width..][..width];
        let scales = &quant.scales[r * quant.scale_stride..];
        for ((w, codes), scale) in w.chunks(span).zip(codes.chunks_mut(span)).zip(scales) {
            quantize(simd, w, *scale, quant.range, codes);
        }
    }
}
