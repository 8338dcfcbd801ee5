//! Elementary functions of vectors. The constants and their sources are in [`crate::reference::math`].

use crate::reference::math::{
    ERFC_P, ERFC_POLY, EXP_MAX, EXP_MIN, EXP_POLY, GELU_A, GELU_B, GELU_LIMIT, LN2_HI, LN2_LO,
    TANH_POLY, TANH_SMALL,
};
use crate::simd::Simd;

/// A function of one vector.
pub(crate) trait Map: Copy {
    fn apply<S: Simd>(self, simd: S, x: S::F) -> S::F;
}

/// Horner's scheme, coefficients from the highest power.
#[inline(always)]
fn poly<S: Simd, const N: usize>(simd: S, x: S::F, coefficients: &[f32; N]) -> S::F {
    let mut sum = simd.splat(coefficients[0]);
    let mut i = 1;
    while i < N {
        sum = simd.mul_add(sum, x, simd.splat(coefficients[i]));
        i += 1;
    }
    sum
}

/// n and y with e^x = 2^n y, n whole.
#[inline(always)]
fn exp_parts<S: Simd>(simd: S, x: S::F) -> (S::F, S::F) {
    let n = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.neg_mul_add(n, simd.splat(LN2_HI), x);
    let r = simd.neg_mul_add(n, simd.splat(LN2_LO), r);
    let tail = simd.mul_add(poly(simd, r, &EXP_POLY), simd.mul(r, r), r);
    (n, simd.add(tail, simd.splat(1.0)))
}

/// e^x for -87 <= x <= 87, where the result is a normal number: the bits of [`exp`].
#[inline(always)]
pub(crate) fn exp_normal<S: Simd>(simd: S, x: S::F) -> S::F {
    let (n, y) = exp_parts(simd, x);
    simd.mul(y, simd.pow2(n))
}

/// e^x. NaN stays NaN: the limits are the first operands.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F) -> S::F {
    let x = simd.min(simd.splat(EXP_MAX), simd.max(simd.splat(EXP_MIN), x));
    let (n, y) = exp_parts(simd, x);
    // In two steps: 2^n itself may be no normal number.
    let half = simd.round(simd.mul(n, simd.splat(0.5)));
    let scaled = simd.mul(y, simd.pow2(half));
    simd.mul(scaled, simd.pow2(simd.sub(n, half)))
}

/// x / (1 + e^t)
#[inline(always)]
fn over_one_plus_exp<S: Simd>(simd: S, x: S::F, t: S::F) -> S::F {
    simd.div(x, simd.add(simd.splat(1.0), exp(simd, t)))
}

/// x sigmoid(x).
#[derive(Clone, Copy)]
pub(crate) struct Silu;

impl Map for Silu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::F) -> S::F {
        over_one_plus_exp(simd, x, simd.sub(simd.splat(0.0), x))
    }
}

/// erfc(a / sqrt 2) and e^(-a^2 / 2) for 0 <= a <= [`GELU_LIMIT`].
#[inline(always)]
pub(crate) fn gelu_tail<S: Simd>(simd: S, a: S::F) -> (S::F, S::F) {
    let z = simd.mul(a, simd.splat(std::f32::consts::FRAC_1_SQRT_2));
    let one = simd.splat(1.0);
    let t = simd.div(one, simd.mul_add(z, simd.splat(ERFC_P), one));
    let decay = exp(simd, simd.neg_mul_add(z, z, simd.splat(0.0)));
    let erfc = simd.mul(simd.mul(poly(simd, t, &ERFC_POLY), t), decay);
    (erfc, decay)
}

/// Gelu by the error function: max(x, 0) - 0.5 |x| erfc(|x| / sqrt 2).
#[derive(Clone, Copy)]
pub(crate) struct GeluErf;

impl Map for GeluErf {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::F) -> S::F {
        let a = simd.min(simd.splat(GELU_LIMIT), simd.abs(x));
        let (erfc, _) = gelu_tail(simd, a);
        let half = simd.mul(a, simd.splat(0.5));
        simd.neg_mul_add(half, erfc, simd.max(x, simd.splat(0.0)))
    }
}

/// Gelu by the tanh approximation, as x / (1 + e^(-2 u)).
#[derive(Clone, Copy)]
pub(crate) struct GeluTanh;

impl Map for GeluTanh {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::F) -> S::F {
        let inner = simd.mul_add(simd.mul(x, x), simd.splat(GELU_B), simd.splat(GELU_A));
        over_one_plus_exp(simd, x, simd.mul(x, inner))
    }
}

/// Hyperbolic tangent: a polynomial near 0, else (1 - e^(-2 |x|)) / (1 + e^(-2 |x|)).
#[derive(Clone, Copy)]
pub(crate) struct Tanh;

impl Map for Tanh {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::F) -> S::F {
        let a = simd.abs(x);
        let z = simd.mul(x, x);
        let small = simd.mul_add(simd.mul(poly(simd, z, &TANH_POLY), z), x, x);
        let e = exp(simd, simd.mul(a, simd.splat(-2.0)));
        let one = simd.splat(1.0);
        let large = simd.div(simd.sub(one, e), simd.add(one, e));
        simd.select_lt(a, simd.splat(TANH_SMALL), small, simd.copysign(large, x))
    }
}

/// max(x, 0).
#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Map for Relu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::F) -> S::F {
        simd.max(x, simd.splat(0.0))
    }
}
