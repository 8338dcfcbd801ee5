//! Derivatives of the activation functions of a Dense module; the functions: `evaluate::activation`.

use kerf_tensors::files::pipeline::Activation;
use libm::{erf, exp, log1p, tanh};

/// The derivative at `x`. At a kink it is that of the side of 0, as torch has it.
pub(super) fn slope(activation: Activation, x: f64) -> f64 {
    let inside = |limit: f64| f64::from(u8::from(x.abs() < limit));
    let above = f64::from(u8::from(x > 0.0));
    match activation {
        Activation::Identity => 1.0,
        Activation::Tanh => 1.0 - tanh(x).powi(2),
        Activation::Relu => above,
        Activation::Relu6 => above * inside(6.0),
        Activation::Gelu => {
            let below = 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2));
            let density = exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt();
            below + x * density
        }
        Activation::Sigmoid => sigmoid(x) * sigmoid(-x),
        Activation::LogSigmoid => sigmoid(-x),
        Activation::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
        Activation::Elu | Activation::Celu => exp(x.min(0.0)),
        Activation::Selu => match x > 0.0 {
            true => SELU_SCALE,
            false => SELU_SCALE * SELU_ALPHA * exp(x),
        },
        Activation::LeakyRelu => above + (1.0 - above) * 0.01,
        Activation::Softplus => match x > 20.0 {
            true => 1.0,
            false => sigmoid(x),
        },
        Activation::Softsign => (1.0 + x.abs()).powi(-2),
        Activation::Tanhshrink => tanh(x).powi(2),
        Activation::Mish => {
            let t = tanh(x.max(0.0) + log1p(exp(-x.abs())));
            t + x * (1.0 - t * t) * sigmoid(x)
        }
        Activation::Hardtanh => inside(1.0),
        Activation::Hardsigmoid => inside(3.0) / 6.0,
        Activation::Hardswish => match x.abs() < 3.0 {
            true => (2.0 * x + 3.0) / 6.0,
            false => above,
        },
    }
}

/// Constants of SELU, as `evaluate::activation` has them.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::activation::activate;

    /// Quotients of differences, away from kinks and on both sides of each. Tolerance 1e-8: the third derivative times the square of
    /// the step, and rounding over the step.
    #[test]
    fn every_derivative_is_that_of_its_function() {
        let points = [
            -25.0, -3.5, -2.5, -1.5, -0.5, -0.1, 0.1, 0.5, 1.5, 2.5, 5.5, 6.5, 25.0,
        ];
        for (name, activation) in Activation::ALL {
            for x in points {
                let step = 1e-5;
                let (up, down) = (
                    activate(activation, x + step),
                    activate(activation, x - step),
                );
                let found = (up - down) / (2.0 * step);
                let own = slope(activation, x);
                assert!(
                    (found - own).abs() < 1e-8,
                    "{name} at {x}: {own} instead of {found}"
                );
            }
        }
    }
}
