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
