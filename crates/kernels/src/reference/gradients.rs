//! The kernels of the backward pass. Sums are taken in f64, as in [`super::rows`].

use super::math::{GELU_A, GELU_B, GELU_LIMIT, erfc, exp};

/// 1 / sqrt(2 pi).
pub(crate) const NORMAL: f32 = 0.398_942_3;

/// See [`crate::Kernels::silu_grad`].
pub fn silu_grad(x: &[f32], grad: &mut [f32]) {
    for (grad, x) in grad.iter_mut().zip(x) {
        let s = 1.0 / (1.0 + exp(-x));
        *grad *= s * (1.0 + x * (1.0 - s));
    }
}

/// See [`crate::Kernels::gelu_erf_grad`].
pub fn gelu_erf_grad(x: &[f32], grad: &mut [f32]) {
    for (grad, x) in grad.iter_mut().zip(x) {
        let a = x.abs().min(GELU_LIMIT);
        let tail = 0.5 * erfc(a * std::f32::consts::FRAC_1_SQRT_2);
        let below = if *x < 0.0 { tail } else { 1.0 - tail };
        let density = NORMAL * exp(-0.5 * (a * a));
        *grad *= below + x.clamp(-GELU_LIMIT, GELU_LIMIT) * density;
    }
}

/// See [`crate::Kernels::gelu_tanh_grad`].
pub fn gelu_tanh_grad(x: &[f32], grad: &mut [f32]) {
    for (grad, x) in grad.iter_mut().zip(x) {
        let x = x.clamp(-GELU_LIMIT, GELU_LIMIT);
        let z = x * x;
        let s = 1.0 / (1.0 + exp(x * (GELU_A + GELU_B * z)));
        let slope = GELU_A + 3.0 * GELU_B * z;
        *grad *= s - x * slope * s * (1.0 - s);
    }
}

/// See [`crate::Kernels::relu_grad`].
pub fn relu_grad(x: &[f32], grad: &mut [f32]) {
    for (grad, x) in grad.iter_mut().zip(x) {
        *grad = if *x > 0.0 { *grad } else { 0.0 };
    }
}

/// See [`crate::Kernels::tanh_grad`].
pub fn tanh_grad(y: &[f32], grad: &mut [f32]) {
    for (grad, y) in grad.iter_mut().zip(y) {
        *grad *= 1.0 - y * y;
    }
}

/// See [`crate::Kernels::softmax_grad`].
pub fn softmax_grad(p: &[f32], grad: &mut [f32]) {
    let mean = super::rows::dot(p, grad);
    for (grad, p) in grad.iter_mut().zip(p) {
        *grad = p * (*grad - mean);
    }
}

/// Mean of `f` over the places of a row.
fn mean(n: usize, f: impl Fn(usize) -> f64) -> f64 {
    (0..n).map(f).sum::<f64>() / n as f64
}

/// See [`crate::Kernels::layer_norm_grad`].
pub fn layer_norm_grad(
    x: &[f32],
    weight: &[f32],
    eps: f32,
    grad: &[f32],
    out: &mut [f32],
    weight_grad: &mut [f32],
) {
    let n = x.len();
    let centre = mean(n, |j| f64::from(x[j]));
    let var = mean(n, |j| (f64::from(x[j]) - centre).powi(2));
    let scale = 1.0 / (var + f64::from(eps)).sqrt();
    let unit = |j: usize| (f64::from(x[j]) - centre) * scale;
    let weighted = |j: usize| f64::from(weight[j]) * f64::from(grad[j]);
    let first = mean(n, weighted);
    let second = mean(n, |j| weighted(j) * unit(j));
    for j in 0..n {
        out[j] += (scale * (weighted(j) - first - unit(j) * second)) as f32;
        weight_grad[j] += (f64::from(grad[j]) * unit(j)) as f32;
    }
}

/// See [`crate::Kernels::rms_norm_grad`].
pub fn rms_norm_grad(
    x: &[f32],
    weight: &[f32],
    eps: f32,
    grad: &[f32],
    out: &mut [f32],
    weight_grad: &mut [f32],
) {
    let n = x.len();
    let squares = mean(n, |j| f64::from(x[j]).powi(2));
    let scale = 1.0 / (squares + f64::from(eps)).sqrt();
    let unit = |j: usize| f64::from(x[j]) * scale;
    let weighted = |j: usize| f64::from(weight[j]) * f64::from(grad[j]);
    let second = mean(n, |j| weighted(j) * unit(j));
    for j in 0..n {
        out[j] += (scale * (weighted(j) - unit(j) * second)) as f32;
        weight_grad[j] += (f64::from(grad[j]) * unit(j)) as f32;
    }
}
