//! Bits of each matrix under one budget, on a real model.

mod common;

use common::*;
use kerf_compress::plan::Plan;
use kerf_compress::{CompressError, Options, Report, Rule};
use kerf_run::RunError;
use kerf_tensors::Catalog;

fn with_bits(bits: f64) -> Options {
    Options {
        method: Some("obs".into()),
        target_bits: Some(bits),
        group_size: Some(32),
        ..Options::default()
    }
}

fn widths(report: &Report) -> Vec<u8> {
    let mut widths: Vec<u8> = report.layers.iter().map(|layer| layer.bits).collect();
    widths.sort_unstable();
    widths.dedup();
    widths
}

#[test]
fn the_bits_of_a_budget_are_kept_and_used() {
    for (bits, sparsity, schedule) in [
        (3.6, None, "uniform"),
        (4.4, None, "uniform"),
        (3.8, Some(0.5), "uniform"),
        (3.8, Some(0.5), "error-levels"),
    ] {
        let options = Options {
            sparsity,
            schedule: Some(schedule.into()),
            ..with_bits(bits)
        };
        let root = temp();
        let report = compress(&fixture(), root.path(), options).unwrap();
        let reached = report.bits_per_weight;
        assert!(
            reached <= bits && reached > 0.95 * bits,
            "{reached} of {bits}"
        );
        assert!((report.sparsity - sparsity.unwrap_or(0.0)).abs() < 1e-3);
        let widths = widths(&report);
        assert!(
            widths.len() > 1 && widths.iter().all(|w| [2, 3, 4, 8].contains(w)),
            "{widths:?}"
        );
    }
}

#[test]
fn the_bytes_of_a_budget_count_every_file() {
    let root = temp();
    let options = Options {
        target_bytes: Some(200_000),
        group_size: Some(32),
        ..Options::default()
    };
    let report = compress(&fixture(), root.path(), options).unwrap();
    let on_disk: usize = files(root.path()).values().map(Vec::len).sum();
    assert!(on_disk <= 200_000 && on_disk > 190_000, "{on_disk}");
    assert_eq!(report.output_bytes, on_disk as u64);
}

#[test]
fn more_bits_lose_less_and_what_uniform_bits_take_is_enough_not_to_be_worse() {
    let error = |options: Options| {
        let root = temp();
        let report = compress(&fixture(), root.path(), options).unwrap();
        let layers = report.layers.iter();
        let errors = layers.map(|layer| layer.relative_output_error.unwrap());
        (errors.sum::<f64>(), report.bits_per_weight)
    };
    let three = Options {
        method: Some("obs".into()),
        bits: Some(3),
        sparsity: Some(0.0),
        group_size: Some(32),
        ..Options::default()
    };
    let (uniform, bits) = error(three);
    // Budgets keep a little back, since headers are only foreseen.
    let (mixed, _) = error(with_bits(bits * 1.01));
    let (more, _) = error(with_bits(bits + 1.0));
    assert!(mixed <= uniform && more < mixed, "{uniform} {mixed} {more}");
}

#[test]
fn what_rules_fix_is_counted_and_left_alone() {
    let rules = r#"[{ "match": { "role": "down" }, "bits": 8 }, { "match": { "blocks": 0 }, "keep": true }]"#;
    let options = Options {
        rules: serde_json::from_str::<Vec<Rule>>(rules).unwrap(),
        ..with_bits(5.2)
    };
    let root = temp();
    let report = compress(&fixture(), root.path(), options).unwrap();
    for layer in &report.layers {
        let down = layer.role.as_deref() == Some("down");
        assert!(!down || layer.bits == 8, "{}", layer.name);
    }
    assert!(report.bits_per_weight <= 5.2, "{}", report.bits_per_weight);
}

#[test]
fn the_same_bytes_after_cancels() {
    let reference = temp();
    let mut host = Host::default();
    run(
        &mut open(&fixture(), reference.path(), with_bits(3.5)).unwrap(),
        &mut host,
    )
    .unwrap();
    for step in [3, 12, 40] {
        let (root, mut cancels) = (temp(), 0);
        loop {
            let mut host = Host {
                cancel_after: Some(step + 9 * cancels),
                ..Host::default()
            };
            match run(
                &mut open(&fixture(), root.path(), with_bits(3.5)).unwrap(),
                &mut host,
            ) {
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

#[test]
fn what_cannot_be_is_refused_before_the_start() {
    let catalog = Catalog::open_path(&fixture()).unwrap();
    let refused = |options: Options| {
        let planned = options
            .resolve()
            .and_then(|settings| Plan::new(&catalog, settings, None, None));
        match planned.map(|plan| plan.notes) {
            Err(CompressError::BadOption {
                option, expected, ..
            }) => (option, expected),
            other => panic!("{other:?}"),
        }
    };
    let (option, expected) = refused(with_bits(1.0));
    assert_eq!(option, "targetBits");
    // What it names is enough.
    let least: f64 = expected
        .split([' ', ','])
        .find_map(|word| word.parse().ok())
        .unwrap();
    Plan::new(&catalog, with_bits(least).resolve().unwrap(), None, None).unwrap();
    let bytes = Options {
        target_bytes: Some(1000),
        ..Options::default()
    };
    assert_eq!(refused(bytes).0, "targetBytes");
    let both = Options {
        target_bytes: Some(1000),
        ..with_bits(3.0)
    };
    assert_eq!(refused(both).0, "targetBytes");
    let fixed = Options {
        bits: Some(4),
        ..with_bits(3.0)
    };
    assert_eq!(refused(fixed).0, "bits");
    let dense = Options {
        format: "safetensors".into(),
        ..with_bits(3.0)
    };
    assert_eq!(refused(dense).0, "format");
}
