//! Values in another order.

use crate::simd::Simd;

/// The plain form is [`crate::reference::layout::transpose`]: element by element.
///
/// Departure: square blocks of a vector's width are transposed in registers.
#[inline(always)]
pub(crate) fn transpose<S: Simd>(simd: S, x: &[f32], stride: usize, cols: usize, out: &mut [f32]) {
    if cols == 0 || out.is_empty() {
        return;
    }
    let (lanes, rows) = (S::LANES, out.len() / cols);
    assert!(out.len() == rows * cols && stride >= cols && x.len() >= (rows - 1) * stride + cols);
    let (whole_rows, whole_cols) = (rows / lanes * lanes, cols / lanes * lanes);
    let to = out.as_mut_ptr();
    for i in (0..whole_rows).step_by(lanes) {
        for j in (0..whole_cols).step_by(lanes) {
            // SAFETY: inside both matrices by the assertion; they do not overlap, since one is borrowed for writing.
            unsafe {
                let from = x.as_ptr().add(i * stride + j);
                simd.transpose(from, stride, to.add(j * rows + i), rows);
            }
        }
    }
    for (j, out) in out.chunks_exact_mut(rows).enumerate() {
        let done = if j < whole_cols { whole_rows } else { 0 };
        for (i, out) in out.iter_mut().enumerate().skip(done) {
            *out = x[i * stride + j];
        }
    }
}
