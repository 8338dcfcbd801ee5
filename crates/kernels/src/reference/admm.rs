//! The elementwise parts of an iteration of ADMM.

use super::quantize::keeps;

/// See [`crate::Kernels::admm_pull`].
pub fn admm_pull(t: &[f32], mask: &[u8], w: &[f32], norms: &[f32], out: &mut [f32]) {
    for (j, out) in out.iter_mut().enumerate() {
        let signed = if keeps(Some(mask), j) {
            t[j]
        } else {
            0.0 - t[j]
        };
        *out = signed - w[j] * norms[j];
    }
}

/// See [`crate::Kernels::admm_step`].
pub fn admm_step(t: &mut [f32], mask: &[u8], w: &[f32], norms: &[f32], b: &[f32]) {
    for (j, t) in t.iter_mut().enumerate() {
        let multiplier = if keeps(Some(mask), j) { 0.0 } else { *t };
        *t = (w[j] * norms[j] + b[j]) + multiplier;
    }
}
