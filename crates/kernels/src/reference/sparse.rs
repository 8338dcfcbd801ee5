//! The sparse product by plain loops: one running sum a result, a product and an addition a nonzero.

use crate::sparse::{PANEL, Panel, TILE};

/// See [`crate::Kernels::sparse_pack`].
pub(crate) fn sparse_pack(x: &[f32], stride: usize, cols: usize, tokens: usize, out: &mut [f32]) {
    for (col, out) in out.chunks_exact_mut(TILE).enumerate().take(cols) {
        for (token, out) in out.iter_mut().enumerate().take(tokens) {
            *out = x[token * stride + col];
        }
    }
}

/// See [`crate::Kernels::sparse_tile`].
pub(crate) fn sparse_tile(
    panel: &Panel,
    packed: &[f32],
    tokens: usize,
    _sums: &mut [f32],
    out: &mut [f32],
) {
    for token in 0..tokens {
        let out = &mut out[token * PANEL..][..panel.rows()];
        product(panel, |col| packed[col * TILE + token], out);
    }
}

/// See [`crate::Kernels::sparse_row`].
pub(crate) fn sparse_row(panel: &Panel, x: &[f32], out: &mut [f32]) {
    product(panel, |col| x[col], &mut out[..panel.rows()]);
}

fn product(panel: &Panel, x: impl Fn(usize) -> f32, out: &mut [f32]) {
    out.fill(0.0);
    panel.for_each(|row, col, value| out[row] += value * x(col));
}
