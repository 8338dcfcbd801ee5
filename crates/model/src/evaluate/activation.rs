//! Activation functions of a Dense module, as torch defines them.

use kerf_tensors::files::pipeline::Activation;
use libm::{erf, exp, expm1, log1p, tanh};

/// The function at `x`.
pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Tanh => tanh(x),
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        Activation::Sigmoid => sigmoid(x),
        Activation::LogSigmoid => -softplus(-x),
        Activation::Silu => x * sigmoid(x),
        Activation::Elu | Activation::Celu => elu(x),
        Activation::Selu => selu(x),
        Activation::LeakyRelu => x.max(0.01 * x),
        Activation::Softplus => match x > 20.0 {
            true => x,
            false => softplus(x),
        },
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Tanhshrink => x - tanh(x),
        Activation::Mish => x * tanh(softplus(x)),
        Activation::Hardtanh => x.clamp(-1.0, 1.0),
        Activation::Hardsigmoid => hard_sigmoid(x),
        Activation::Hardswish => x * hard_sigmoid(x),
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// log(1 + exp(x)), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + log1p(exp(-x.abs()))
}

fn elu(x: f64) -> f64 {
    x.max(0.0) + expm1(x.min(0.0))
}

fn selu(x: f64) -> f64 {
    const SCALE: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    SCALE * (x.max(0.0) + ALPHA * expm1(x.min(0.0)))
}

fn hard_sigmoid(x: f64) -> f64 {
    (x / 6.0 + 0.5).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.nn of version 2.15 at -25, -1.5, 0.5 and 25, in f64.
    const TORCH: &[(&str, [f64; 4])] = &[
        ("Identity", [-25.0, -1.5, 0.5, 25.0]),
        (
            "Tanh",
            [-1.0, -0.9051482536448664, 0.46211715726000974, 1.0],
        ),
        ("ReLU", [0.0, 0.0, 0.5, 25.0]),
        ("ReLU6", [0.0, 0.0, 0.5, 6.0]),
        (
            "GELU",
            [-0.0, -0.10021080190328704, 0.34573123063700656, 25.0],
        ),
        (
            "Sigmoid",
            [
                1.3887943864771144e-11,
                0.18242552380635635,
                0.6224593312018546,
                0.999999999986112,
            ],
        ),
        (
            "LogSigmoid",
            [
                -25.000000000013888,
                -1.7014132779827524,
                -0.4740769841801067,
                -1.3887943864867583e-11,
            ],
        ),
        (
            "SiLU",
            [
                -3.4719859661927863e-10,
                -0.2736382857095345,
                0.3112296656009273,
                24.9999999996528,
            ],
        ),
        ("ELU", [-0.9999999999861121, -0.7768698398515702, 0.5, 25.0]),
        (
            "SELU",
            [
                -1.7580993408229604,
                -1.3658143533672527,
                0.5253504936777402,
                26.26752468388701,
            ],
        ),
        (
            "CELU",
            [-0.9999999999861121, -0.7768698398515702, 0.5, 25.0],
        ),
        ("LeakyReLU", [-0.25, -0.015, 0.5, 25.0]),
        (
            "Softplus",
            [
                1.3887943864867583e-11,
                0.2014132779827524,
                0.9740769841801067,
                25.0,
            ],
        ),
        (
            "Softsign",
            [
                -0.9615384615384616,
                -0.6,
                0.3333333333333333,
                0.9615384615384616,
            ],
        ),
        (
            "Tanhshrink",
            [-24.0, -0.5948517463551336, 0.03788284273999026, 24.0],
        ),
        (
            "Mish",
            [
                -3.4719859662168955e-10,
                -0.29809974216680674,
                0.3752452113048951,
                25.0,
            ],
        ),
        ("Hardtanh", [-1.0, -1.0, 0.5, 1.0]),
        ("Hardsigmoid", [0.0, 0.25, 0.5833333333333334, 1.0]),
        ("Hardswish", [-0.0, -0.375, 0.2916666666666667, 25.0]),
    ];

    #[test]
    fn each_function_is_that_of_torch() {
        assert_eq!(TORCH.len(), Activation::ALL.len());
        for ((name, activation), (of, values)) in Activation::ALL.iter().zip(TORCH) {
            assert_eq!(name, of);
            for (x, expected) in [-25.0, -1.5, 0.5, 25.0].into_iter().zip(values) {
                let value = activate(*activation, x);
                let error = (value - expected).abs();
                assert!(
                    error <= 1e-12 * expected.abs().max(1.0),
                    "{name} {x}: {value}"
                );
            }
        }
    }
}
