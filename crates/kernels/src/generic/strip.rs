//! Strips of rows: the lanes of a vector are rows, so a strip is transposed into columns and back.

use crate::panels::MAX_WIDTH;
use crate::simd::Simd;
use std::ops::Range;

/// Columns that are finished together, in registers.
pub(super) const STEP: usize = 4;
/// Vectors of rows in a strip.
pub(super) const VECTORS: usize = 4;

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
pub(super) use each;

/// Subtracts from four columns of `N` vectors of rows what the columns `from` pass on to them: `errors` has those, column
/// by column, `matrix` rows of four.
///
/// # Safety
/// `errors` has all columns of `from`, each of [`VECTORS`] vectors, of which `N` are read; `matrix` has all rows of `from`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Indices say which register meets which.
pub(super) unsafe fn subtract_products<S: Simd, const N: usize>(
    simd: S,
    sum: &mut [[S::F; N]; STEP],
    errors: *const f32,
    matrix: *const f32,
    from: Range<usize>,
) {
    for k in from {
        let mut error = [simd.splat(0.0); N];
        // SAFETY: the caller's promise.
        unsafe {
            for v in 0..N {
                error[v] = simd.load(errors.add((k * VECTORS + v) * S::LANES));
            }
            for c in 0..STEP {
                let factor = simd.splat(*matrix.add(k * STEP + c));
                for v in 0..N {
                    sum[c][v] = simd.neg_mul_add(error[v], factor, sum[c][v]);
                }
            }
        }
    }
}

/// Transposes `shape.0` rows of `shape.1` columns into columns of `rows` elements; what is missing becomes 0.
///
/// # Safety
/// The rows are readable at `src`, `MAX_WIDTH` columns of `rows` elements writable at `dst`.
#[inline(always)]
pub(super) unsafe fn to_columns<S: Simd>(
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
pub(super) unsafe fn to_rows<S: Simd>(
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
