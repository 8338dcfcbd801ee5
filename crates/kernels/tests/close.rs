//! Kernels that are `close` in the table against their formulas in f64. The plain forms are held to the same tolerance.

mod common;

use common::{Noise, all_instances, lengths};
use kerf_kernels::Kernels;

/// 2e-6, relative or absolute, whichever is larger.
fn assert_close(kernels: &Kernels, what: &str, got: f32, want: f64) {
    assert_within(kernels, what, got, want, 2e-6 * want.abs().max(1.0));
}

fn assert_within(kernels: &Kernels, what: &str, got: f32, want: f64, allowed: f64) {
    let good = (f64::from(got) - want).abs() <= allowed;
    assert!(good, "{:?} {what}: {got} instead of {want}", kernels.isa());
}

/// erf by its series below 3, by a continued fraction above: 1e-15 or better.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 3.0 {
        let (mut term, mut sum) = (a, a);
        for n in 1..100 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..200).rev().fold(a, |f, k| a + f64::from(k) / 2.0 / f);
        1.0 - (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt())
    };
    value.copysign(x)
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

fn gelu_erf(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / 2f64.sqrt()))
}

fn gelu_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
}

#[test]
fn activations() {
    type Row = (&'static str, fn(&Kernels, &mut [f32]), fn(f64) -> f64);
    let rows: [Row; 4] = [
        ("silu", |k, x| k.silu(x), silu),
        ("gelu_erf", |k, x| k.gelu_erf(x), gelu_erf),
        ("gelu_tanh", |k, x| k.gelu_tanh(x), gelu_tanh),
        ("tanh", |k, x| k.tanh(x), f64::tanh),
    ];
    let grid = (-6000..=6000).map(|i| i as f32 * 0.005);
    let far = [
        -1e30, -3e4, -200.0, -104.5, -89.0, 88.5, 104.5, 200.0, 3e4, 1e30, 1e-20, -1e-40, 0.0, -0.0,
    ];
    let x: Vec<f32> = grid.chain(far).collect();
    for kernels in all_instances() {
        for (name, run, formula) in rows {
            let mut y = x.clone();
            run(&kernels, &mut y);
            for (x, y) in x.iter().zip(&y) {
                assert_close(
                    &kernels,
                    &format!("{name}({x})"),
                    *y,
                    formula(f64::from(*x)),
                );
            }
            let mut nan = [1.0, f32::NAN, 2.0];
            run(&kernels, &mut nan);
            assert!(
                nan[0].is_finite() && nan[1].is_nan() && nan[2].is_finite(),
                "{name}(NaN)"
            );
            // The result of an element does not depend on where it lies.
            for offset in 1..20 {
                let mut part = x[offset..200].to_vec();
                run(&kernels, &mut part);
                assert_eq!(common::bits(&part), common::bits(&y[offset..200]), "{name}");
            }
        }
    }
}

#[test]
fn softmax_and_log_sum_exp() {
    let mut noise = Noise(11);
    for kernels in all_instances() {
        for n in lengths().skip(1).chain([32_000]) {
            for (spread, shift) in [(1.0, 0.0), (30.0, 500.0), (200.0, -3.0)] {
                let mut x: Vec<f32> = (0..n).map(|_| noise.value() * spread + shift).collect();
                if n > 3 {
                    x[n / 2] = f32::NEG_INFINITY;
                }
                let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let exps: Vec<f64> = x.iter().map(|x| f64::from(x - max).exp()).collect();
                let sum: f64 = exps.iter().sum();
                assert_close(
                    &kernels,
                    "log_sum_exp",
                    kernels.log_sum_exp(&x),
                    f64::from(max) + sum.ln(),
                );
                kernels.softmax(&mut x);
                for (got, e) in x.iter().zip(&exps) {
                    // Relative: a probability of a thousandth must be right too.
                    assert_within(&kernels, "softmax", *got, e / sum, 2e-6 * e / sum + 1e-37);
                }
            }
        }
        let mut row = [f32::NEG_INFINITY; 9];
        assert_eq!(kernels.log_sum_exp(&row), f32::NEG_INFINITY);
        kernels.softmax(&mut row);
        assert_eq!(row, [0.0; 9]);
        kernels.softmax(&mut []);
        assert_eq!(kernels.log_sum_exp(&[]), f32::NEG_INFINITY);
    }
}

#[test]
fn sums_and_products() {
    let mut noise = Noise(12);
    for kernels in all_instances() {
        for n in lengths().chain([11_008]) {
            let (a, b) = (noise.fill(n), noise.fill(n));
            let products = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let size: f64 = products.clone().map(f64::abs).sum();
            assert_within(
                &kernels,
                "dot",
                kernels.dot(&a, &b),
                products.sum(),
                2e-6 * size.max(1.0),
            );
            let mut y = b.clone();
            kernels.axpy(0.3, &a, &mut y);
            for ((y, a), b) in y.iter().zip(&a).zip(&b) {
                assert_close(
                    &kernels,
                    "axpy",
                    *y,
                    f64::from(0.3f32) * f64::from(*a) + f64::from(*b),
                );
            }
            let mut y = b.clone();
            kernels.add(&a, &mut y);
            for ((y, a), b) in y.iter().zip(&a).zip(&b) {
                assert_close(&kernels, "add", *y, f64::from(*a) + f64::from(*b));
            }
        }
    }
}

#[test]
fn norms() {
    let mut noise = Noise(13);
    for kernels in all_instances() {
        for n in lengths().skip(1) {
            for (spread, shift) in [(1.0, 0.0), (0.01, 3.0), (5.0, -100.0)] {
                let x: Vec<f32> = (0..n).map(|_| noise.value() * spread + shift).collect();
                let (weight, bias) = (noise.fill(n), noise.fill(n));
                check_layer_norm(&kernels, &x, &weight, Some(&bias));
                check_layer_norm(&kernels, &x, &weight, None);
                check_rms_norm(&kernels, &x, &weight);
            }
        }
    }
}

fn check_layer_norm(kernels: &Kernels, x: &[f32], weight: &[f32], bias: Option<&[f32]>) {
    let n = x.len() as f64;
    let mut out = vec![f32::NAN; x.len()];
    kernels.layer_norm(x, weight, bias, 1e-5, &mut out);
    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let var = x
        .iter()
        .map(|x| (f64::from(*x) - mean).powi(2))
        .sum::<f64>()
        / n;
    for j in 0..x.len() {
        let t = (f64::from(x[j]) - mean) / (var + f64::from(1e-5f32)).sqrt();
        let bias = bias.map_or(0.0, |bias| f64::from(bias[j]));
        assert_close(
            kernels,
            "layer_norm",
            out[j],
            t * f64::from(weight[j]) + bias,
        );
    }
}

fn check_rms_norm(kernels: &Kernels, x: &[f32], weight: &[f32]) {
    let mut out = vec![f32::NAN; x.len()];
    kernels.rms_norm(x, weight, 1e-5, &mut out);
    let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
    for j in 0..x.len() {
        let t = f64::from(x[j]) / (mean + f64::from(1e-5f32)).sqrt();
        assert_close(kernels, "rms_norm", out[j], t * f64::from(weight[j]));
    }
}

#[test]
fn exponential_and_logarithm_of_the_reference() {
    use kerf_kernels::reference::math;
    for i in -1030..=887 {
        let x = i as f32 * 0.1;
        let want = f64::from(x).exp();
        let got = f64::from(math::exp(x));
        assert!(
            (got - want).abs() <= 3e-7 * want + 1e-45,
            "exp({x}) is {got}"
        );
    }
    assert_eq!(math::exp(200.0), f32::INFINITY);
    assert_eq!(math::exp(-200.0), 0.0);
    assert!(math::exp(f32::NAN).is_nan());
    for i in 0..2000 {
        let x = (f64::from(i) * 0.7 - 700.0).exp();
        assert!((math::ln(x) - x.ln()).abs() < 1e-12 * x.ln().abs().max(1.0));
    }
}

/// The derivative of a function in f64: the error of the quotient is below 1e-9.
fn slope(f: fn(f64) -> f64, x: f64) -> f64 {
    let step = 1e-4 * x.abs().max(1.0);
    (8.0 * (f(x + step) - f(x - step)) - (f(x + 2.0 * step) - f(x - 2.0 * step))) / (12.0 * step)
}

#[test]
fn slopes_of_activations() {
    type Row = (
        &'static str,
        fn(&Kernels, &[f32], &mut [f32]),
        fn(f64) -> f64,
    );
    let rows: [Row; 3] = [
        ("silu_grad", |k, x, g| k.silu_grad(x, g), silu),
        ("gelu_erf_grad", |k, x, g| k.gelu_erf_grad(x, g), gelu_erf),
        (
            "gelu_tanh_grad",
            |k, x, g| k.gelu_tanh_grad(x, g),
            gelu_tanh,
        ),
    ];
    let grid = (-6000..=6000).map(|i| i as f32 * 0.005);
    let x: Vec<f32> = grid.chain([-200.0, -89.0, 88.5, 200.0, 1e-20]).collect();
    for kernels in all_instances() {
        for (name, run, formula) in rows {
            let mut grad = vec![-1.5; x.len()];
            run(&kernels, &x, &mut grad);
            for (x, grad) in x.iter().zip(&grad) {
                let want = -1.5 * slope(formula, f64::from(*x));
                assert_close(&kernels, &format!("{name}({x})"), *grad, want);
            }
            let far = [-1e30, -3e4, 3e4, 1e30];
            let mut grad = [1.0; 4];
            run(&kernels, &far, &mut grad);
            assert_eq!(grad, [0.0, 0.0, 1.0, 1.0], "{name}");
        }
    }
}

/// Sum of `weights[j] * f(x)[j]` as x[at] moves, by a quotient of differences in f64.
fn moved(f: &dyn Fn(&[f64]) -> Vec<f64>, x: &[f32], at: usize, weights: &[f32]) -> f64 {
    let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let value = |step: f64| {
        let mut x = x.clone();
        x[at] += step;
        let terms = f(&x).into_iter().zip(weights);
        terms.map(|(y, weight)| y * f64::from(*weight)).sum::<f64>()
    };
    (value(1e-5) - value(-1e-5)) / 2e-5
}

fn norm(x: &[f64], weight: &[f32], centred: bool, eps: f64) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = if centred {
        x.iter().sum::<f64>() / n
    } else {
        0.0
    };
    let var = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (var + eps).sqrt();
    let values = x.iter().zip(weight);
    values
        .map(|(x, weight)| (x - mean) * scale * f64::from(*weight))
        .collect()
}

/// Quotients of differences, for lengths around a vector's and for one that has several blocks of sums (at some places of it).
/// Tolerance 5e-6 of the largest: both are sums of f32 terms.
#[test]
fn gradients_of_rows() {
    let mut noise = Noise(77);
    for kernels in all_instances() {
        for n in [1, 2, 3, 7, 16, 33, 2500] {
            let [x, weight, grad] = [(); 3].map(|()| noise.fill(n));
            let eps = 0.01;
            for centred in [true, false] {
                let (mut out, mut of_weight) = (vec![1.0; n], vec![2.0; n]);
                match centred {
                    true => {
                        kernels.layer_norm_grad(&x, &weight, eps, &grad, &mut out, &mut of_weight);
                    }
                    false => {
                        kernels.rms_norm_grad(&x, &weight, eps, &grad, &mut out, &mut of_weight);
                    }
                }
                let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
                let unit = norm(&wide, &vec![1.0; n], centred, f64::from(eps));
                for at in (0..n).step_by(1 + n / 40) {
                    let f = |x: &[f64]| norm(x, &weight, centred, f64::from(eps));
                    let want = moved(&f, &x, at, &grad);
                    assert_within(
                        &kernels,
                        "norm",
                        out[at] - 1.0,
                        want,
                        5e-6 * want.abs().max(1.0),
                    );
                    let want = unit[at] * f64::from(grad[at]);
                    let got = of_weight[at] - 2.0;
                    assert_within(&kernels, "weight", got, want, 5e-6 * want.abs().max(1.0));
                }
            }
            let softmax = |x: &[f64]| {
                let sum: f64 = x.iter().map(|x| x.exp()).sum();
                x.iter().map(|x| x.exp() / sum).collect()
            };
            let (mut p, mut back) = (x.clone(), grad.clone());
            kernels.softmax(&mut p);
            kernels.softmax_grad(&p, &mut back);
            for at in (0..n).step_by(1 + n / 40) {
                assert_close(
                    &kernels,
                    "softmax",
                    back[at],
                    moved(&softmax, &x, at, &grad),
                );
            }
        }
    }
}
