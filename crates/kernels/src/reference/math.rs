//! Elementary functions from additions and multiplications alone. Libraries differ from system to system in the last
//! bits; these do not.
#![allow(clippy::excessive_precision)]

/// Beyond these the result of [`exp`] is infinite or zero.
pub(crate) const EXP_MIN: f32 = -110.0;
pub(crate) const EXP_MAX: f32 = 90.0;
/// ln 2 in two parts: the first has few bits, so that its product with a whole number below 2^9 is exact.
pub(crate) const LN2_HI: f32 = 0.693_359_4;
pub(crate) const LN2_LO: f32 = -2.121_944_4e-4;
/// exp(r) = 1 + r + r^2 P(r) for |r| <= ln(2) / 2; coefficients of P from the highest power (Cephes, `expf`).
pub(crate) const EXP_POLY: [f32; 6] = [
    1.987_569_2e-4,
    1.398_199_9e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    0.5,
];
/// erfc(z) = t Q(t) exp(-z^2), t = 1 / (1 + p z), z >= 0, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
pub(crate) const ERFC_P: f32 = 0.327_591_1;
pub(crate) const ERFC_POLY: [f32; 5] = [
    1.061_405_4,
    -1.453_152_1,
    1.421_413_8,
    -0.284_496_72,
    0.254_829_6,
];
/// tanh(x) = x + x^3 R(x^2) for |x| < [`TANH_SMALL`] (Cephes, `tanhf`).
pub(crate) const TANH_POLY: [f32; 5] = [
    -5.704_988_7e-3,
    2.063_908_9e-2,
    -5.373_971_5e-2,
    1.333_144_2e-1,
    -3.333_328_2e-1,
];
pub(crate) const TANH_SMALL: f32 = 0.625;
/// Beyond this |x|, erfc(|x| / sqrt 2) is 0 in f32.
pub(crate) const GELU_LIMIT: f32 = 20.0;

/// Horner's scheme, coefficients from the highest power.
#[inline(always)]
fn poly<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.into_iter().fold(0.0, |sum, c| sum * x + c)
}

/// 2^n for -126 <= n <= 127.
#[inline(always)]
fn two_to(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// e^x, relative error below 2e-7; subnormal results too.
pub fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let x = x.clamp(EXP_MIN, EXP_MAX);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - n * LN2_HI - n * LN2_LO;
    let y = poly(r, EXP_POLY) * (r * r) + r + 1.0;
    // In two steps: 2^n itself may be no normal number.
    let n = n as i32;
    let half = n >> 1;
    y * two_to(half) * two_to(n - half)
}

/// 1 - erf(z) for z >= 0, absolute error below 3e-7.
pub fn erfc(z: f32) -> f32 {
    let t = 1.0 / (1.0 + ERFC_P * z);
    poly(t, ERFC_POLY) * t * exp(-(z * z))
}

/// Hyperbolic tangent.
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    if a < TANH_SMALL {
        let z = x * x;
        return poly(z, TANH_POLY) * z * x + x;
    }
    let e = exp(-2.0 * a);
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

/// x sigmoid(x).
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// 0.5 x (1 + erf(x / sqrt 2)), written so that nothing cancels: max(x, 0) - 0.5 |x| erfc(|x| / sqrt 2).
pub fn gelu_erf(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let a = x.abs().min(GELU_LIMIT);
    x.max(0.0) - 0.5 * a * erfc(a * std::f32::consts::FRAC_1_SQRT_2)
}

/// 0.5 x (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x sigmoid(2 u).
pub fn gelu_tanh(x: f32) -> f32 {
    x / (1.0 + exp(gelu_tanh_exponent(x)))
}

/// -2 u of [`gelu_tanh`].
#[inline(always)]
fn gelu_tanh_exponent(x: f32) -> f32 {
    x * (GELU_A + GELU_B * (x * x))
}
/// -2 sqrt(2 / pi)
pub(crate) const GELU_A: f32 = -1.595_769_1;
/// -2 sqrt(2 / pi) 0.044715
pub(crate) const GELU_B: f32 = -0.071_354_82;

/// Natural logarithm of a positive, finite number: the series of 2 atanh((m - 1) / (m + 1)), error below 1e-13.
pub fn ln(x: f64) -> f64 {
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if !x.is_finite() {
        return x;
    }
    let scaled = if x < f64::MIN_POSITIVE {
        x * 18_014_398_509_481_984.0
    } else {
        x
    };
    let lost = if x < f64::MIN_POSITIVE { 54 } else { 0 };
    let bits = scaled.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023 - lost;
    let mut m = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut series = 0.0;
    for k in (0..10).rev() {
        series = series * z + 1.0 / f64::from(2 * k + 1);
    }
    2.0 * s * series + exponent as f64 * std::f64::consts::LN_2
}
