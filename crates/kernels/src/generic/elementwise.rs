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

/// The plain form is [`crate::reference::elementwise::silu`].
///
/// Departure: the function is evaluated on vectors ([`Silu`]), with products and additions in one operation where the machine
/// has it.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, Silu);
}

/// The plain form is [`crate::reference::elementwise::gelu_erf`].
///
/// Departure: vectors ([`GeluErf`]), as in [`silu`].
#[inline(always)]
pub(crate) fn gelu_erf<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, GeluErf);
}

/// The plain form is [`crate::reference::elementwise::gelu_tanh`].
///
/// Departure: vectors ([`GeluTanh`]), as in [`silu`].
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, GeluTanh);
}

/// The plain form is [`crate::reference::elementwise::tanh`]: one of two formulas, by the size of the element.
///
/// Departure: vectors ([`Tanh`]), as in [`silu`]. Both formulas are computed for all lanes, and each lane selects one.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, Tanh);
}

/// The plain form is [`crate::reference::elementwise::relu`].
///
/// Departure: vectors ([`Relu`]). [`Simd::max`] gives its second operand for NaN, so NaN becomes 0 as in the plain form.
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: &mut [f32]) {
    map(simd, x, Relu);
}

/// The plain form is [`crate::reference::elementwise::axpy`]. There is no departure: a compiler turns the loop into vectors, and fuses no
/// product with an addition by itself.
#[inline(always)]
pub(crate) fn axpy<S: Simd>(_: S, alpha: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// The plain form is [`crate::reference::elementwise::add`]. There is no departure.
#[inline(always)]
pub(crate) fn add<S: Simd>(_: S, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// The plain form is [`crate::reference::elementwise::mul`]. There is no departure.
#[inline(always)]
pub(crate) fn mul<S: Simd>(_: S, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y *= x;
    }
}
