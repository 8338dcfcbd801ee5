//! The optimiser's kernel against AdamW in f64, and what it must leave alone.

mod common;

use common::{Noise, all_instances};
use kerf_kernels::dispatch::{AdamStep, MixturePrior};

const STEP: AdamStep = AdamStep {
    rate: 0.02,
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-6,
    weight_decay: 0.1,
    correction1: 0.1,
    correction2: 0.02,
    scale: 0.25,
    prior: None,
    hold_zeros: false,
};

/// The prior as METHODS 2.1 writes it, of `lambda`, both variances and the number of examples.
fn prior(lambda: f64, spike: f64, slab: f64, examples: f64) -> MixturePrior {
    MixturePrior {
        offset: (lambda / (1.0 - lambda)).ln() + 0.5 * (spike / slab).ln(),
        slope: 0.5 / spike - 0.5 / slab,
        spike: 1.0 / (spike * examples),
        slab: 1.0 / (slab * examples),
    }
}

/// The probability of the spike, by densities.
fn of_spike(lambda: f64, spike: f64, slab: f64, w: f64) -> f64 {
    let log =
        |share: f64, variance: f64| share.ln() - 0.5 * variance.ln() - w * w / (2.0 * variance);
    let (narrow, wide) = (log(1.0 - lambda, spike), log(lambda, slab));
    1.0 / (1.0 + (wide - narrow).exp())
}

/// AdamW of one weight in f64, and its moments.
fn step(of: AdamStep, pull: f64, [w, grad, first, second]: [f64; 4]) -> [f64; 3] {
    let g = of.scale * grad + pull;
    let first = of.beta1 * first + (1.0 - of.beta1) * g;
    let second = of.beta2 * second + (1.0 - of.beta2) * g * g;
    let root = (second / of.correction2).sqrt() + of.eps;
    let w = w - of.rate * of.weight_decay * w - of.rate * first / of.correction1 / root;
    [w, first, second]
}

fn assert_near(what: &str, got: f32, want: f64, tolerance: f64) {
    let bound = tolerance * want.abs().max(1e-3);
    assert!(
        (f64::from(got) - want).abs() <= bound,
        "{what}: {got} instead of {want}"
    );
}

/// Tolerance 1e-5 of a number: a dozen operations in f32.
#[test]
fn a_step_is_that_of_f64() {
    let mut noise = Noise(5);
    let n = 333;
    let [w, grad, first, spread] = [(); 4].map(|()| noise.fill(n));
    let second: Vec<f32> = spread.iter().map(|x| x * x + 1e-4).collect();
    for kernels in all_instances() {
        let (mut values, mut means, mut squares) = (w.clone(), first.clone(), second.clone());
        kernels.adamw_step(&mut values, &grad, &mut means, &mut squares, STEP);
        for at in 0..n {
            let old = [w[at], grad[at], first[at], second[at]].map(f64::from);
            let want = step(STEP, 0.0, old);
            let got = [values[at], means[at], squares[at]];
            for (got, want) in got.into_iter().zip(want) {
                assert_near(&format!("{:?}, {at}", kernels.isa()), got, want, 1e-5);
            }
        }
    }
}

/// With empty moments and beta1 = 0 the first moment is the gradient itself. The probability changes from the spike's to the slab's
/// inside the range of weights. Tolerance 2e-4: the exponent is up to 80 and is an f32.
#[test]
fn the_prior_pulls_as_its_formula_says() {
    let (lambda, spike, slab, examples) = (1e-3, 1e-5, 0.05, 20.0);
    let of = AdamStep {
        beta1: 0.0,
        prior: Some(prior(lambda, spike, slab, examples)),
        ..STEP
    };
    let w: Vec<f32> = (-400..=400).map(|i| i as f32 * 5e-5).collect();
    let both = w
        .iter()
        .map(|w| of_spike(lambda, spike, slab, f64::from(*w)));
    assert!(both.clone().any(|p| p > 0.9) && both.clone().any(|p| p < 1e-3));
    for kernels in all_instances() {
        let mut means = vec![0.0; w.len()];
        let (mut values, mut squares) = (w.clone(), means.clone());
        kernels.adamw_step(
            &mut values,
            &vec![0.5; w.len()],
            &mut means,
            &mut squares,
            of,
        );
        for ((w, got), p) in w.iter().zip(&means).zip(both.clone()) {
            let w = f64::from(*w);
            let pull = w / examples * (p / spike + (1.0 - p) / slab);
            assert_near(&format!("{w}"), *got, 0.125 + pull, 2e-4);
        }
    }
}

#[test]
fn a_prior_as_narrow_as_the_paper_has_overflows_nowhere() {
    let of = AdamStep {
        prior: Some(prior(1e-7, 1e-10, 0.05, 1000.0)),
        ..STEP
    };
    for kernels in all_instances() {
        let (mut w, grad) = ([-300.0, -1.0, -1e-4, 0.0, 1e-30, 1e-5, 0.3, 1e18], [0.1; 8]);
        let (mut first, mut second) = ([0.0; 8], [0.0; 8]);
        kernels.adamw_step(&mut w, &grad, &mut first, &mut second, of);
        for value in w.iter().chain(&first).chain(&second) {
            assert!(
                value.is_finite(),
                "{:?}: {w:?} {first:?} {second:?}",
                kernels.isa()
            );
        }
    }
}

#[test]
fn zeros_are_held_or_move() {
    let w: Vec<f32> = (0..37).map(|i| [0.0, -0.0, 1e-30, 0.5][i % 4]).collect();
    for kernels in all_instances() {
        for hold_zeros in [false, true] {
            let (mut values, mut first, mut second) = (w.clone(), vec![0.3; 37], vec![0.2; 37]);
            let of = AdamStep { hold_zeros, ..STEP };
            kernels.adamw_step(&mut values, &[0.5; 37], &mut first, &mut second, of);
            for at in 0..w.len() {
                let held = hold_zeros && w[at] == 0.0;
                assert_eq!(values[at].to_bits() == w[at].to_bits(), held);
                assert_eq!(first[at] == 0.0, held);
                assert_eq!(second[at] == 0.0, held);
            }
        }
    }
}
