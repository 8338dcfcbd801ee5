//! AdamW against PyTorch's (`test/golden/make_optimizer_goldens.py`), and the gradient of the prior as the optimiser sees it.

mod common;

use common::*;
use kerf_kernels::{Compute, Isa};
use kerf_model::MemoryWeights;
use kerf_model::backward::Gradients;
use kerf_train::prune::{Pruning, by_id};
use kerf_train::{AdamW, Optimizer, Prior, PruneOptions, Rule};
use serde_json::Value;

const RATES: [f64; 6] = [0.01, 0.02, 0.02, 0.015, 0.01, 0.005];
const CLIP: f64 = 0.75;

/// The numbers of `made_up` in the script.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn golden() -> Value {
    let path = root().join("test/golden/optimizer.json");
    serde_json::from_slice(&std::fs::read(path).expect("the golden file")).expect("JSON")
}

/// Tolerance 2e-6: both sides keep weights (up to 1) and moments in f32, and round in another order.
#[test]
fn steps_are_those_of_pytorch() {
    let golden = golden();
    for isa in [None, Some(Isa::Portable)] {
        let compute = Compute::new(isa, 2).expect("an instruction set");
        let mut weights = MemoryWeights::new();
        weights
            .insert("matrix", vec![6, 4], numbers(24, 1))
            .unwrap();
        weights.insert("vector", vec![5], numbers(5, 2)).unwrap();
        let names = ["matrix", "vector"];
        let adam = AdamW {
            weight_decay: 0.1,
            ..AdamW::default()
        };
        let mut optimizer = Optimizer::new(adam, &weights, names).unwrap();
        let mut gradients = Gradients::zeros(&weights, names).unwrap();
        for (step, rate) in RATES.into_iter().enumerate() {
            let scales = [[0.1f32, 1.0, 10.0][step % 3], 0.1];
            for ((name, seed), scale) in names.into_iter().zip([100, 200]).zip(scales) {
                let own = gradients.get_mut(name).unwrap();
                let values = numbers(own.len(), seed + step as u64);
                for (own, value) in own.iter_mut().zip(values) {
                    *own = value * scale;
                }
            }
            let norm = gradients.norm(&compute);
            let wanted = golden["norms"][step].as_f64().unwrap();
            assert!((norm / wanted - 1.0).abs() < 1e-6, "{norm} {wanted}");
            let scale = (CLIP / norm).min(1.0);
            let rule = |name: &str| Rule {
                rate,
                decay: name == "matrix",
                prior: None,
                hold_zeros: false,
            };
            optimizer
                .step(&compute, &mut weights, &gradients, scale, rule)
                .unwrap();
            for name in names {
                let wanted = golden["after"][step][name].as_array().unwrap();
                for (own, wanted) in weights.get(name).unwrap().iter().zip(wanted) {
                    let off = f64::from(*own) - wanted.as_f64().unwrap();
                    assert!(off.abs() < 2e-6, "step {step}, {name}: {off:e}");
                }
            }
        }
    }
}

/// The formula of the paper's code in f64.
fn formula(w: f64, prior: &Prior) -> f64 {
    let Prior {
        slab,
        spike,
        lambda,
        examples,
    } = *prior;
    let c1 = (lambda / (1.0 - lambda)).ln() + 0.5 * (spike / slab).ln();
    let c2 = 0.5 / spike - 0.5 / slab;
    let p0 = 1.0 / (1.0 + (c1 + c2 * w * w).exp());
    w / examples * (p0 / spike + (1.0 - p0) / slab)
}

/// The first moment of a step is the gradient that it saw, if nothing of the moment before stays. Tolerance 3e-5 of the value: in f32 an
/// exponent of up to 80 is off by 80 * 6e-8, and as much the probability that is made of it. Where the probability of the spike is below
/// e^-80, the formula and the clamped kernel have the slab alone.
#[test]
fn the_optimiser_sees_the_gradient_of_the_prior() {
    let sizes: Vec<f32> = (0..400)
        .map(|at| 1e-7 * 1.045f32.powi(at) * if at % 2 == 0 { 1.0 } else { -1.0 })
        .chain([0.0, 1.0, -3.0e4, 1.0e18])
        .collect();
    for isa in [None, Some(Isa::Portable)] {
        let compute = Compute::new(isa, 1).expect("an instruction set");
        for (spike, slab, lambda) in [
            (1e-10, 0.05, 0.1),
            (1e-9, 0.1, 1e-4),
            (1e-12, 0.1, 1e-3),
            (1e-5, 0.05, 0.1),
            (0.05, 0.05, 0.5),
        ] {
            let prior = Prior {
                slab,
                spike,
                lambda,
                examples: 67_349.0,
            };
            let mut weights = MemoryWeights::new();
            weights
                .insert("w", vec![sizes.len()], sizes.clone())
                .unwrap();
            let adam = AdamW {
                beta1: 0.0,
                ..AdamW::default()
            };
            let mut optimizer = Optimizer::new(adam, &weights, ["w"]).unwrap();
            let gradients = Gradients::zeros(&weights, ["w"]).unwrap();
            let rule = |_: &str| Rule {
                rate: 1e-4,
                decay: false,
                prior: Some(prior),
                hold_zeros: false,
            };
            optimizer
                .step(&compute, &mut weights, &gradients, 1.0, rule)
                .unwrap();
            let (seen, _) = optimizer.moments("w").unwrap();
            for (w, seen) in sizes.iter().zip(seen) {
                let wanted = formula(f64::from(*w), &prior);
                let off = (f64::from(*seen) - wanted).abs();
                assert!(
                    off <= 3e-5 * wanted.abs(),
                    "w {w:e}, spike {spike:e}, lambda {lambda:e}: {seen:e} instead of {wanted:e}"
                );
                assert!((prior.grad(f64::from(*w)) - wanted).abs() <= 1e-9 * wanted.abs());
            }
            assert!(weights.get("w").unwrap().iter().all(|w| w.is_finite()));
        }
    }
}

/// lambda and sparsity of shared/tools/mgpp_trial.py at some steps of 1000: start 100, end 900, 0.3 to 0.95, every 10. Computed there in
/// Python.
const TRIAL: [(u64, f64, f64); 9] = [
    (0, 0.1, 0.0),
    (50, 0.1, 0.0),
    (100, 0.1, 0.300_000_000_000_000_04),
    (101, 0.099_875_125, 0.302_434_454_394_531_2),
    (333, 0.070_904_125, 0.718_584_431_738_281_2),
    (500, 0.05005, 0.868_749_999_999_999_9),
    (777, 0.015_459_625, 0.947_637_571_191_406_2),
    (899, 0.000_224_875, 0.949_999_998_730_468_7),
    (900, 0.0, 0.95),
];

#[test]
fn lambda_and_sparsity_are_those_of_the_trial() {
    let options = PruneOptions {
        pruner: by_id("mgpp").expect("a row"),
        sparsity: 0.95,
        initial: 0.3,
        start: 0.1,
        end: 0.9,
        every: 10,
        params: vec![("spike", 1e-9), ("slab", 0.1)],
    };
    let count = 100_000;
    let value = |at: usize| ((at * 7919) % 99_991) as f32 + 1.0;
    let mut weights = MemoryWeights::new();
    weights
        .insert("w", vec![count], (0..count).map(value).collect())
        .unwrap();
    let mut pruning = Pruning::new(options, 1000, vec!["w".into()], &weights);
    let usual = Rule {
        rate: 1e-4,
        decay: true,
        prior: None,
        hold_zeros: false,
    };
    let compute = compute(2);
    for (step, lambda, sparsity) in TRIAL {
        pruning.resume(step.saturating_sub(1));
        if step > 0 {
            pruning.after_step(&compute, &mut weights);
        }
        // A cut is at every tenth step; weights that are zero stay so here, where no optimiser moves them.
        if step % 10 == 0 {
            let zeros = (count as f64 * sparsity).floor() / count as f64;
            assert_eq!(pruning.sparsity(&weights), zeros, "step {step}");
        }
        let rule = pruning.rule(usual, 5000.0, 1e-4);
        match rule.prior {
            Some(prior) => {
                assert!((prior.lambda / lambda - 1.0).abs() < 1e-12, "step {step}");
                assert_eq!(
                    (prior.spike, prior.slab, prior.examples),
                    (1e-9, 0.1, 5000.0)
                );
                assert!(!rule.hold_zeros && step < 900);
            }
            // After the last cut zeros are held, and there is no prior.
            None => assert!(rule.hold_zeros && step == 900),
        }
    }
}
