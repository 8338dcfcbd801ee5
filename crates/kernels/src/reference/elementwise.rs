//! The kernels of the forward pass that take every element by itself.

use super::math;

/// See [`crate::Kernels::axpy`].
pub fn axpy(alpha: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// See [`crate::Kernels::add`].
pub fn add(x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// See [`crate::Kernels::mul`].
pub fn mul(x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y *= x;
    }
}

/// See [`crate::Kernels::relu`].
pub fn relu(x: &mut [f32]) {
    for x in x {
        *x = if *x > 0.0 { *x } else { 0.0 };
    }
}

/// See [`crate::Kernels::silu`].
pub fn silu(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = math::silu(*x));
}

/// See [`crate::Kernels::gelu_erf`].
pub fn gelu_erf(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = math::gelu_erf(*x));
}

/// See [`crate::Kernels::gelu_tanh`].
pub fn gelu_tanh(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = math::gelu_tanh(*x));
}

/// See [`crate::Kernels::tanh`].
pub fn tanh(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = math::tanh(*x));
}
