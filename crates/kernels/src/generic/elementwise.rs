//! Kernels that take every element by itself.

use super::math::{GeluErf, GeluTanh, Map, Relu, Silu, Tanh};
use crate::simd::{self, Simd};

/// `x = f(x)`. An element's result does not depend on its place: the end of the slice goes through a padded vector.
#[inline(always)]
fn map<S: Simd>(simd: S, x: &mut [f32], f: impl Map) {
    let mut whole = x.chunks_exact_mut(S::LANES);
    for lanes in &mut whole {
        let y = f.apply(simd, simd::load(simd, lanes));
        simd::store(simd, y, lanes);
    }
    let rest = whole.into_remainder();
    if !rest.is_empty() {
        let y = f.apply(simd, simd::load_part(simd, rest, 0.0));
        simd::store_part(simd, y, rest);
    }
}

#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, Silu);
}

#[inline(always)]
pub(crate) fn gelu_erf<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, GeluErf);
}

#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, GeluTanh);
}

#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, Tanh);
}

#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, Relu);
}

#[inline(always)]
pub(crate) fn axpy<S: Simd>(_: S, alpha: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

#[inline(always)]
pub(crate) fn add<S: Simd>(_: S, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

#[inline(always)]
pub(crate) fn mul<S: Simd>(_: S, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y *= x;
    }
}
