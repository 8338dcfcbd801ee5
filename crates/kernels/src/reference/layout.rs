//! Values in another order.

/// See [`crate::Kernels::transpose`].
pub fn transpose(x: &[f32], stride: usize, cols: usize, out: &mut [f32]) {
    if cols == 0 {
        return;
    }
    let rows = out.len() / cols;
    for (j, out) in out.chunks_exact_mut(rows.max(1)).enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            *out = x[i * stride + j];
        }
    }
}
