//! Schedules on a real model: budgets, what a plan says of them, resume, and what is refused.

mod common;

use common::*;
use kerf_compress::plan::Plan;
use kerf_compress::{CompressError, Options, Report, Rule, schedules};
use kerf_run::RunError;
use kerf_tensors::Catalog;

fn scheduled(schedule: &str) -> Options {
    Options {
        schedule: Some(schedule.into()),
        generations: Some(3),
        ..removing()
    }
}

/// Ids of the schedules that survey the model.
fn surveying() -> impl Iterator<Item = &'static str> {
    let rows = schedules::table().iter();
    rows.filter(|row| row.needs() > schedules::Knowledge::Nothing)
        .map(|row| row.id())
}

fn spread(report: &Report) -> f64 {
    let shares = report.layers.iter().map(|layer| layer.sparsity);
    shares.clone().fold(0.0, f64::max) - shares.fold(1.0, f64::min)
}

#[test]
fn every_schedule_meets_the_budget_of_a_real_model() {
    for schedule in surveying() {
        for (granularity, method) in [
            ("matrix", "obs"),
            ("block", "magnitude"),
            ("nested", "wanda"),
        ] {
            let options = Options {
                granularity: Some(granularity.into()),
                method: Some(method.into()),
                ..scheduled(schedule)
            };
            let root = temp();
            let report = compress(&fixture(), root.path(), options).unwrap();
            let off = (report.sparsity - 0.7).abs();
            // wanda removes whole weights of each row: of rows of 64 a share is rounded to one in 64.
            let rounding = if method == "wanda" { 2e-3 } else { 1e-3 };
            assert!(
                off < rounding,
                "{schedule} {granularity} {}",
                report.sparsity
            );
            assert!(spread(&report) > 5e-3, "{schedule} {granularity}");
            for layer in &report.layers {
                let same_block = report.layers.iter().filter(|l| l.block == layer.block);
                let same = |a: f64, b: f64| (a - b).abs() < 2e-3;
                let alike = same_block.clone().all(|l| same(l.sparsity, layer.sparsity));
                assert!(alike || granularity != "block", "{schedule} {}", layer.name);
            }
            assert!(report.phases.contains_key("survey"));
        }
    }
}

#[test]
fn what_rules_fix_is_left_out_of_the_budget() {
    let rules = r#"[
        { "match": { "blocks": 0 }, "sparsity": 0.3 },
        { "match": { "role": "down" }, "keep": true }
    ]"#;
    let options = Options {
        rules: serde_json::from_str::<Vec<Rule>>(rules).unwrap(),
        ..scheduled("error-levels")
    };
    let root = temp();
    let report = compress(&fixture(), root.path(), options).unwrap();
    let (mut removed, mut weights) = (0.0, 0.0);
    for layer in &report.layers {
        let size = (layer.shape[0] * layer.shape[1]) as f64;
        if layer.block == Some(0) {
            assert!((layer.sparsity - 0.3).abs() < 2e-3);
        } else {
            removed += layer.sparsity * size;
            weights += size;
        }
    }
    assert!((removed / weights - 0.7).abs() < 1e-3);
}

#[test]
fn the_same_bytes_for_any_threads_and_after_cancels_in_the_survey_and_after_it() {
    for schedule in surveying() {
        let (reference, mut host) = (temp(), Host::default());
        let options = |threads| Options {
            threads,
            ..scheduled(schedule)
        };
        let mut job = open(&fixture(), reference.path(), options(1)).unwrap();
        run(&mut job, &mut host).unwrap();
        let expected = files(reference.path());
        // A search that is cancelled begins again.
        let steps: &[usize] = if schedule == "search" {
            &[3, 9]
        } else {
            &[2, 5, 30]
        };
        for &step in steps {
            let (root, mut cancels) = (temp(), 0);
            for _ in 0..host.events.len() {
                let mut host = Host {
                    cancel_after: Some(step + 20 * cancels),
                    ..Host::default()
                };
                let mut job = open(&fixture(), root.path(), options(1 + cancels % 2)).unwrap();
                match run(&mut job, &mut host) {
                    Ok(_) => break,
                    Err(CompressError::Run(RunError::Cancelled { .. })) => cancels += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(cancels > 0);
            assert!(files(root.path()) == expected, "{schedule} every {step}");
        }
    }
}

#[test]
fn a_plan_says_that_a_survey_decides() {
    let catalog = Catalog::open_path(&fixture()).unwrap();
    let plan = |options: Options| {
        let plan = Plan::new(&catalog, options.resolve().unwrap(), None, None).unwrap();
        plan.report(&catalog)
    };
    for schedule in surveying() {
        let report = plan(scheduled(schedule));
        assert!(report.notes.iter().any(|note| note.contains("survey")));
        let mut targets = report.tensors.iter().filter(|t| t.part == "target");
        assert!(targets.all(|t| t.sparsity == 0.7));
        // Nothing to spread, nothing to survey.
        let none = plan(Options {
            sparsity: Some(0.0),
            ..scheduled(schedule)
        });
        assert!(!none.notes.iter().any(|note| note.contains("survey")));
    }
}

#[test]
fn what_cannot_be_spread_is_refused() {
    let refused = |options: Options| match options.resolve() {
        Err(CompressError::BadOption { option, .. }) => option,
        other => panic!("{:?}", other.err()),
    };
    let pattern = Options {
        sparsity: None,
        pattern: Some("2:4".into()),
        ..scheduled("error-levels")
    };
    assert_eq!(refused(pattern), "schedule");
    assert_eq!(refused(scheduled("by-mood")), "schedule");
    let granularity = Options {
        granularity: Some("row".into()),
        ..Options::default()
    };
    assert_eq!(refused(granularity), "granularity");
    let scale = Options {
        loss_scale: Some("".into()),
        ..Options::default()
    };
    assert_eq!(refused(scale), "lossScale");
    for slope in [-0.1, 1.1, f64::NAN] {
        let slope = Options {
            slope: Some(slope),
            ..Options::default()
        };
        assert_eq!(refused(slope), "slope");
    }
}

#[test]
fn a_survey_needs_a_network_that_is_known() {
    let root = temp();
    let model = root.path().join("model");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(fixture()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    std::fs::write(model.join("config.json"), r#"{"model_type": "spiral"}"#).unwrap();
    let options = Options {
        method: Some("magnitude".into()),
        ..scheduled("owl")
    };
    let error = open(&model, root.path(), options).err().unwrap();
    assert_eq!(error.code(), "SCHEDULE_NEEDS_ARCHITECTURE");
}
