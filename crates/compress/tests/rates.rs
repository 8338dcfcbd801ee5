//! Entropy-constrained runs and probes: budgets, resumes, and what the rate buys.

mod common;

use common::{Host, compress, files, fixture, open, removing, temp};
use kerf_compress::methods::{Inputs, Problem, Solved, by_id};
use kerf_compress::pattern::Pattern;
use kerf_compress::solve::energy::output_energy;
use kerf_compress::solve::param::Params;
use kerf_compress::statistics::Gram;
use kerf_compress::{CompressError, Options, Report};
use kerf_kernels::Compute;
use kerf_run::RunError;
use kerf_tensors::{DType, Values};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

fn rated(bits: f64, schedule: &str) -> Options {
    Options {
        target_bits: Some(bits),
        schedule: Some(schedule.into()),
        ..Options::default()
    }
}

#[test]
fn a_budget_of_bits_is_kept_and_used_and_more_bits_lose_less() {
    for schedule in ["uniform", "probe"] {
        let mut last = f64::INFINITY;
        for bits in [2.0, 2.5, 3.5, 6.0] {
            let root = temp();
            let report = compress(&fixture(), root.path(), rated(bits, schedule)).unwrap();
            assert_eq!(report.options.method.as_deref(), Some("entropy"));
            let reached = report.bits_per_weight;
            // The matrices of this model are small: the header is a tenth of a bit.
            assert!(
                reached <= bits && reached > 0.96 * bits,
                "{reached} of {bits}, {schedule}"
            );
            let foreseen = report.planned_output_bytes as f64 / report.output_bytes as f64;
            assert!((0.93..1.05).contains(&foreseen), "{foreseen} at {bits}");
            let error = mean_error(&report);
            assert!(error < last, "{error} after {last} at {bits}, {schedule}");
            last = error;
        }
    }
}

fn mean_error(report: &Report) -> f64 {
    let errors = report
        .layers
        .iter()
        .map(|layer| layer.relative_output_error.unwrap());
    errors.sum::<f64>() / report.layers.len() as f64
}

#[test]
fn a_budget_of_bytes_counts_every_file() {
    let root = temp();
    let options = Options {
        target_bytes: Some(230_000),
        ..Options::default()
    };
    let report = compress(&fixture(), root.path(), options).unwrap();
    assert!(
        report.output_bytes <= 230_000 && report.output_bytes > 220_000,
        "{}",
        report.output_bytes
    );
}

#[test]
fn probes_spread_steps_and_shares() {
    let root = temp();
    let report = compress(&fixture(), root.path(), rated(2.5, "probe")).unwrap();
    let steps: Vec<f64> = report
        .layers
        .iter()
        .map(|layer| layer.step.unwrap())
        .collect();
    let (least, most) = steps
        .iter()
        .fold((f64::INFINITY, 0.0f64), |(least, most), step| {
            (least.min(*step), most.max(*step))
        });
    assert!(most > 1.3 * least, "{least} {most}");
    let root = temp();
    let options = Options {
        schedule: Some("probe".into()),
        ..removing()
    };
    let report = compress(&fixture(), root.path(), options).unwrap();
    assert!((report.sparsity - 0.7).abs() < 1e-3, "{}", report.sparsity);
    let shares: Vec<f64> = report.layers.iter().map(|layer| layer.sparsity).collect();
    let (least, most) = shares
        .iter()
        .fold((1.0f64, 0.0f64), |(least, most), share| {
            (least.min(*share), most.max(*share))
        });
    assert!(most - least > 0.1, "{least} {most}");
}

#[test]
fn the_same_bytes_after_cancels_for_any_number_of_threads() {
    for options in [rated(2.5, "probe"), removing()] {
        let with = |threads| Options {
            threads,
            ..options.clone()
        };
        let reference = temp();
        compress(&fixture(), reference.path(), with(1)).unwrap();
        for step in [3, 11] {
            let (root, mut cancels) = (temp(), 0);
            loop {
                let mut host = Host {
                    cancel_after: Some(step + 9 * cancels),
                    ..Host::default()
                };
                let mut job = open(&fixture(), root.path(), with(2)).unwrap();
                match common::run(&mut job, &mut host) {
                    Ok(_) => break,
                    Err(CompressError::Run(RunError::Cancelled { .. })) => cancels += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(
                cancels > 0 && files(root.path()) == files(reference.path()),
                "{step}"
            );
        }
    }
}

#[test]
fn what_the_method_chooses_cannot_be_asked_for() {
    for (options, named) in [
        (
            Options {
                method: Some("entropy".into()),
                sparsity: Some(0.5),
                ..Options::default()
            },
            "sparsity",
        ),
        (
            Options {
                method: Some("entropy".into()),
                bits: Some(4),
                ..Options::default()
            },
            "bits",
        ),
        (
            Options {
                method: Some("entropy".into()),
                pattern: Some("2:4".into()),
                ..Options::default()
            },
            "pattern",
        ),
        (
            Options {
                method: Some("entropy".into()),
                format: "safetensors".into(),
                ..Options::default()
            },
            "method",
        ),
        (
            Options {
                target_bits: Some(0.2),
                ..Options::default()
            },
            "targetBits",
        ),
    ] {
        match options.resolve().map(|_| ()) {
            Err(CompressError::BadOption { option, .. }) => assert_eq!(option, named),
            other => panic!("{named}: {other:?}"),
        }
    }
}

/// Uniform numbers in -1..1.
fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = || (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
    (0..len).map(|_| draw()).collect()
}

/// At equal entropy the codes of a price and of error feedback lose less than those of rounding to nearest.
#[test]
fn at_equal_entropy_it_loses_less_than_rounding() {
    let (rows, n) = (96, 128);
    let compute = Compute::new(None, 2).unwrap();
    let w = random(rows * n, 7);
    let mut x = random(600 * n, 8);
    for row in x.chunks_mut(n) {
        (1..n).for_each(|j| row[j] += 0.8 * row[j - 1]);
    }
    let mut gram = Gram::new(n);
    gram.add(&compute, &x);
    gram.finish(&compute);
    let inputs = Inputs::new(gram);
    let solve = |step: f64, sweeps: usize| {
        by_id("entropy").unwrap().solve(
            &compute,
            &Problem {
                name: "w",
                w: &w,
                rows,
                cols: n,
                sparsity: 0.0,
                pattern: Pattern::Unstructured,
                support: None,
                grid: None,
                dtype: DType::F32,
                damping_rel: 0.01,
                step: Some(step),
                params: Params::new(&[("sweeps", sweeps as f64)]),
                inputs: Some(&inputs),
            },
        )
    };
    let error = |values: &[f32]| {
        let lost: Vec<f32> = values.iter().zip(&w).map(|(q, w)| q - w).collect();
        output_energy(&compute, &lost, rows, &inputs.gram)
    };
    let of = |solved: &Solved| {
        let Values::Codes { codes, scales, .. } = &solved.matrix.values else {
            panic!("not codes")
        };
        (
            entropy(codes.iter().map(|code| i32::from(*code))),
            error(&solved.matrix.dequantize(&compute.kernels)),
            scales.clone(),
        )
    };
    for step in [0.6, 1.0, 1.5] {
        let (rate, lost, scales) = of(&solve(step, 3));
        let (_, once, _) = of(&solve(step, 0));
        assert!(lost < once, "sweeps: {lost} after {once}");
        // Rounding to nearest at a coarser step, until it takes no more.
        let mut factor = 1.0;
        loop {
            let codes: Vec<i32> = w
                .iter()
                .enumerate()
                .map(|(i, w)| (w / (scales[i / n] * factor)).round() as i32)
                .collect();
            if entropy(codes.iter().copied()) <= rate {
                let values: Vec<f32> = codes
                    .iter()
                    .enumerate()
                    .map(|(i, code)| *code as f32 * scales[i / n] * factor)
                    .collect();
                assert!(
                    lost < 0.7 * error(&values),
                    "{lost} against {} at {rate} bits",
                    error(&values)
                );
                break;
            }
            factor *= 1.01;
        }
    }
}

fn entropy(codes: impl Iterator<Item = i32>) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    let mut total = 0.0;
    for code in codes {
        *counts.entry(code).or_insert(0.0) += 1.0;
        total += 1.0;
    }
    counts
        .values()
        .map(|count: &f64| -(count / total) * (count / total).log2())
        .sum()
}
