//! Kernels of the backward pass.

use super::math::{exp, gelu_tail};
use super::rows::{First, dot, sum_of};
use crate::reference::gradients::NORMAL;
use crate::reference::math::{GELU_A, GELU_B, GELU_LIMIT};
use crate::simd::{self, Simd};

/// The derivative of a function of one vector.
trait Slope: Copy {
    fn at<S: Simd>(self, simd: S, x: S::F) -> S::F;
}

/// `grad *= f'(x)`, element by element.
#[inline(always)]
fn times_slope<S: Simd>(simd: S, x: &[f32], grad: &mut [f32], f: impl Slope) {
    for (x, grad) in x.chunks(S::LANES).zip(grad.chunks_mut(S::LANES)) {
        if x.len() == S::LANES && grad.len() == S::LANES {
            let slope = f.at(simd, simd::load(simd, x));
            let product = simd.mul(simd::load(simd, grad), slope);
            simd::store(simd, product, grad);
        } else {
            let n = x.len().min(grad.len());
            let slope = f.at(simd, simd::load_part(simd, &x[..n], 0.0));
            let product = simd.mul(simd::load_part(simd, &grad[..n], 0.0), slope);
            simd::store_part(simd, product, &mut grad[..n]);
        }
    }
}

/// 1 / (1 + e^t)
#[inline(always)]
fn sigmoid_of_minus<S: Simd>(simd: S, t: S::F) -> S::F {
    let one = simd.splat(1.0);
    simd.div(one, simd.add(one, exp(simd, t)))
}

#[derive(Clone, Copy)]
struct Silu;

impl Slope for Silu {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::F) -> S::F {
        let one = simd.splat(1.0);
        let s = sigmoid_of_minus(simd, simd.sub(simd.splat(0.0), x));
        simd.mul(s, simd.mul_add(x, simd.sub(one, s), one))
    }
}

/// |x| <= [`GELU_LIMIT`], beyond which the slope is 0 or 1.
#[inline(always)]
fn limited<S: Simd>(simd: S, x: S::F) -> S::F {
    let x = simd.min(simd.splat(GELU_LIMIT), x);
    simd.max(simd.splat(-GELU_LIMIT), x)
}

#[derive(Clone, Copy)]
struct GeluErf;

impl Slope for GeluErf {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::F) -> S::F {
        let x = limited(simd, x);
        let (erfc, decay) = gelu_tail(simd, simd.abs(x));
        let tail = simd.mul(erfc, simd.splat(0.5));
        let above = simd.sub(simd.splat(1.0), tail);
        let below = simd.select_lt(x, simd.splat(0.0), tail, above);
        simd.mul_add(simd.mul(x, simd.splat(NORMAL)), decay, below)
    }
}

#[derive(Clone, Copy)]
struct GeluTanh;

impl Slope for GeluTanh {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::F) -> S::F {
        let x = limited(simd, x);
        let z = simd.mul(x, x);
        let (a, b) = (simd.splat(GELU_A), simd.splat(GELU_B));
        let s = sigmoid_of_minus(simd, simd.mul(x, simd.mul_add(z, b, a)));
        let slope = simd.mul_add(z, simd.splat(3.0 * GELU_B), a);
        let both = simd.mul(s, simd.sub(simd.splat(1.0), s));
        simd.neg_mul_add(simd.mul(x, slope), both, s)
    }
}

/// The plain form is [`crate::reference::gradients::silu_grad`].
///
/// Departure: the function is evaluated on vectors, with products and additions in one operation where the machine has it.
#[inline(always)]
pub(crate) fn silu_grad<S: Simd>(simd: S, x: &[f32], grad: &mut [f32]) {
    times_slope(simd, x, grad, Silu);
}

/// The plain form is [`crate::reference::gradients::gelu_erf_grad`].
///
/// Departure: vectors, as in [`silu_grad`].
#[inline(always)]
pub(crate) fn gelu_erf_grad<S: Simd>(simd: S, x: &[f32], grad: &mut [f32]) {
    times_slope(simd, x, grad, GeluErf);
}

/// The plain form is [`crate::reference::gradients::gelu_tanh_grad`].
///
/// Departure: vectors, as in [`silu_grad`].
#[inline(always)]
pub(crate) fn gelu_tanh_grad<S: Simd>(simd: S, x: &[f32], grad: &mut [f32]) {
    times_slope(simd, x, grad, GeluTanh);
}

/// The plain form is [`crate::reference::gradients::relu_grad`]. There is no departure.
#[inline(always)]
pub(crate) fn relu_grad<S: Simd>(_: S, x: &[f32], grad: &mut [f32]) {
    for (grad, x) in grad.iter_mut().zip(x) {
        *grad = if *x > 0.0 { *grad } else { 0.0 };
    }
}

/// The plain form is [`crate::reference::gradients::tanh_grad`]. There is no departure.
#[inline(always)]
pub(crate) fn tanh_grad<S: Simd>(_: S, y: &[f32], grad: &mut [f32]) {
    for (grad, y) in grad.iter_mut().zip(y) {
        *grad *= 1.0 - y * y;
    }
}

/// The plain form is [`crate::reference::gradients::softmax_grad`].
///
/// Departure: the sum is that of [`dot`].
#[inline(always)]
pub(crate) fn softmax_grad<S: Simd>(simd: S, p: &[f32], grad: &mut [f32]) {
    let mean = dot(simd, p, grad);
    for (grad, p) in grad.iter_mut().zip(p) {
        *grad = p * (*grad - mean);
    }
}

/// Elements whose sums are taken in f32, as in `rows`.
const BLOCK: usize = 1024;

/// A vector of a slice from `at` on; lanes behind the end are `fill`.
#[inline(always)]
fn lanes<S: Simd>(simd: S, slice: &[f32], at: usize, fill: f32) -> S::F {
    let rest = &slice[at..];
    match rest.len() >= S::LANES {
        true => simd::load(simd, rest),
        false => simd::load_part(simd, rest, fill),
    }
}

/// Sum of (x - shift)^2.
#[inline(always)]
fn squares<S: Simd>(simd: S, x: &[f32], shift: f32) -> f64 {
    let mut total = 0.0;
    for block in x.chunks(BLOCK) {
        let mut sums = [simd.splat(0.0); 2];
        for (turn, at) in (0..block.len()).step_by(S::LANES).enumerate() {
            let d = simd.sub(lanes(simd, block, at, shift), simd.splat(shift));
            sums[turn % 2] = simd.mul_add(d, d, sums[turn % 2]);
        }
        total += f64::from(simd.sum(simd.add(sums[0], sums[1])));
    }
    total
}

/// What a norm did to a row: (x - shift) scale.
#[derive(Clone, Copy)]
struct Unit {
    shift: f32,
    scale: f32,
}

/// Means of w g and of w g unit(x); `weight_grad += g unit(x)`.
#[inline(always)]
fn means<S: Simd>(
    simd: S,
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    of: Unit,
    weight_grad: &mut [f32],
) -> (f64, f64) {
    let n = x.len();
    let (shift, scale) = (simd.splat(of.shift), simd.splat(of.scale));
    let (mut first, mut second) = (0.0, 0.0);
    for from in (0..n).step_by(BLOCK) {
        let to = n.min(from + BLOCK);
        let (mut firsts, mut seconds) = (simd.splat(0.0), simd.splat(0.0));
        let (x, grad) = (&x[from..to], &grad[from..to]);
        let (weight, weight_grad) = (&weight[from..to], &mut weight_grad[from..to]);
        for at in (0..x.len()).step_by(S::LANES) {
            let unit = simd.mul(simd.sub(lanes(simd, x, at, 0.0), shift), scale);
            let g = lanes(simd, grad, at, 0.0);
            let weighted = simd.mul(lanes(simd, weight, at, 0.0), g);
            firsts = simd.add(firsts, weighted);
            seconds = simd.mul_add(weighted, unit, seconds);
            let sum = simd.mul_add(g, unit, lanes(simd, weight_grad, at, 0.0));
            let out = &mut weight_grad[at..];
            match out.len() >= S::LANES {
                true => simd::store(simd, sum, out),
                false => simd::store_part(simd, sum, out),
            }
        }
        first += f64::from(simd.sum(firsts));
        second += f64::from(simd.sum(seconds));
    }
    (first / n as f64, second / n as f64)
}

/// The plain form is [`crate::reference::gradients::layer_norm_grad`].
///
/// Departures: sums of f32 blocks ([`sum_of`]); the two means and the gradient of the weight in one pass.
#[inline(always)]
pub(crate) fn layer_norm_grad<S: Simd>(
    simd: S,
    x: &[f32],
    weight: &[f32],
    eps: f32,
    grad: &[f32],
    out: &mut [f32],
    weight_grad: &mut [f32],
) {
    let n = x.len() as f64;
    let shift = (sum_of(simd, x, x, First) / n) as f32;
    let variance = squares(simd, x, shift) / n;
    let of = Unit {
        shift,
        scale: (1.0 / (variance + f64::from(eps)).sqrt()) as f32,
    };
    let (first, second) = means(simd, x, weight, grad, of, weight_grad);
    let (first, second) = (first as f32, second as f32);
    let rows = out.iter_mut().zip(x).zip(weight).zip(grad);
    for (((out, x), weight), grad) in rows {
        let unit = (x - of.shift) * of.scale;
        *out += of.scale * (weight * grad - first - unit * second);
    }
}

/// The plain form is [`crate::reference::gradients::rms_norm_grad`].
///
/// Departures: those of [`layer_norm_grad`].
#[inline(always)]
pub(crate) fn rms_norm_grad<S: Simd>(
    simd: S,
    x: &[f32],
    weight: &[f32],
    eps: f32,
    grad: &[f32],
    out: &mut [f32],
    weight_grad: &mut [f32],
) {
    let variance = squares(simd, x, 0.0) / x.len() as f64;
    let of = Unit {
        shift: 0.0,
        scale: (1.0 / (variance + f64::from(eps)).sqrt()) as f32,
    };
    let (_, second) = means(simd, x, weight, grad, of, weight_grad);
    let second = second as f32;
    let rows = out.iter_mut().zip(x).zip(weight).zip(grad);
    for (((out, x), weight), grad) in rows {
        *out += of.scale * (weight * grad - x * of.scale * second);
    }
}
