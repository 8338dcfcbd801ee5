//! Rules on a real model: what they decide, in the plan and in the result.

mod common;

use common::*;
use kerf_compress::plan::Plan;
use kerf_compress::report::LayerReport;
use kerf_compress::{CompressError, Options, PlanReport, Rule};
use kerf_tensors::Catalog;

fn with_rules(rules: &str) -> Options {
    Options {
        rules: serde_json::from_str::<Vec<Rule>>(rules).unwrap(),
        schedule: Some("uniform".into()),
        ..removing()
    }
}

fn plan(rules: &str) -> Result<PlanReport, CompressError> {
    let catalog = Catalog::open_path(&fixture()).unwrap();
    Ok(Plan::new(&catalog, with_rules(rules).resolve()?, None, None)?.report(&catalog))
}

#[test]
fn the_first_match_decides_and_the_result_is_what_was_planned() {
    let rules = r#"[
        { "match": { "blocks": 0, "role": ["q", "k"] }, "keep": true },
        { "match": { "blocks": "0-1" }, "bits": 8, "sparsity": 0.5 },
        { "match": "*.down_proj.weight", "method": "rtn", "groupSize": 32 },
        { "match": { "role": "v", "blocks": -1 }, "pattern": "2:4" },
        { "match": { "role": "embedding" }, "bits": 6, "sparsity": 0.1 }
    ]"#;
    let planned = plan(rules).unwrap();
    let root = temp();
    let report = compress(&fixture(), root.path(), with_rules(rules)).unwrap();
    assert_eq!(report.layers.len(), 33);
    for layer in &report.layers {
        let of = planned
            .tensors
            .iter()
            .find(|t| t.name == layer.name)
            .unwrap();
        let place = (of.block.unwrap(), of.role.as_deref().unwrap());
        let (rule, method, sparsity, bits) = match place {
            (0 | 1, _) => (Some(1), "joint", 0.5, 8),
            (_, "down") => (Some(2), "rtn", 0.0, 4),
            (4, "v") => (Some(3), "joint", 0.5, 4),
            _ => (None, "joint", 0.7, 4),
        };
        assert_eq!(of.rule, rule, "{}", layer.name);
        assert_eq!(
            (layer.method.as_str(), layer.bits),
            (method, bits),
            "{}",
            layer.name
        );
        assert!(
            (layer.sparsity - sparsity).abs() < 5e-3,
            "{}: {}",
            layer.name,
            layer.sparsity
        );
        assert!((of.sparsity - sparsity).abs() < 1e-9, "{}", layer.name);
        // Data-free methods too: the inputs are at hand.
        assert!(layer.relative_output_error.is_some(), "{}", layer.name);
    }
    let embedding = &report.embeddings[0];
    assert_eq!(
        (embedding.method.as_str(), embedding.bits),
        ("magnitude", 6)
    );
    assert!((embedding.sparsity - 0.1).abs() < 1e-3);
    let kept = planned
        .tensors
        .iter()
        .filter(|t| t.name.contains("layers.0.") && t.part == "kept");
    assert_eq!(
        kept.filter(|t| t.rule.is_none() && t.shape.len() == 2)
            .count(),
        2
    );
    let difference = planned.output_bytes as f64 / report.output_bytes as f64 - 1.0;
    assert!(
        difference.abs() < 0.05,
        "{} {}",
        planned.output_bytes,
        report.output_bytes
    );
}

#[test]
fn rules_alone_decide_whether_calibration_runs() {
    let data_free = plan(
        r#"[{ "match": { "role": ["q", "k", "v", "o", "gate", "up", "down"] }, "method": "magnitude" }]"#,
    );
    assert_eq!(data_free.unwrap().tokens, 0);
    let mut options =
        with_rules(r#"[{ "match": { "role": "v" }, "method": "obs", "sparsity": 0.3 }]"#);
    options.method = Some("rtn".into());
    options.sparsity = None;
    let root = temp();
    let report = compress(&fixture(), root.path(), options).unwrap();
    assert!(report.tokens > 0);
    let of = |role: &str| {
        report
            .layers
            .iter()
            .filter(|layer| layer.name.contains(role))
            .collect::<Vec<_>>()
    };
    assert!(
        of("v_proj")
            .iter()
            .all(|layer| layer.method == "obs" && layer.sparsity > 0.29)
    );
    assert!(
        of("q_proj")
            .iter()
            .all(|layer| layer.method == "rtn" && layer.sparsity == 0.0)
    );
}

#[test]
fn a_rule_that_decides_about_nothing_is_an_error_that_says_why() {
    for (rules, option, word) in [
        (
            r#"[{ "match": "*.qkv.weight", "bits": 8 }]"#,
            "rules[0].match",
            "layers.4.mlp.down_proj",
        ),
        (
            r#"[{ "match": { "role": "qkv" }, "bits": 8 }]"#,
            "rules[0].match",
            "embedding, q, k, v, o, gate, up, down",
        ),
        (
            r#"[{ "match": { "blocks": 5 }, "bits": 8 }]"#,
            "rules[0].match",
            "blocks 0 to 4",
        ),
        (
            r#"[{ "match": "*", "bits": 8 }, { "match": { "role": "q" }, "bits": 4 }]"#,
            "rules[1].match",
            "no earlier rule",
        ),
    ] {
        match plan(rules).unwrap_err() {
            CompressError::BadOption {
                option: named,
                expected,
                ..
            } => {
                assert_eq!(named, option);
                assert!(expected.contains(word), "{expected}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_rule_with_bits_leaves_the_default_size_of_the_others_alone() {
    let catalog = Catalog::open_path(&fixture()).unwrap();
    let options = |rules: &str, target_bits: Option<f64>| Options {
        rules: serde_json::from_str::<Vec<Rule>>(rules).unwrap(),
        target_bits,
        ..Options::default()
    };
    let rules = r#"[{ "match": { "role": "down" }, "bits": 8 }]"#;
    let step = |options: Options| {
        let plan = Plan::new(&catalog, options.resolve().unwrap(), None, None).unwrap();
        let q = plan.targets.iter().find(|matrix| matrix.role == "q");
        q.unwrap().step.unwrap()
    };
    let alone = step(options("[]", None));
    let beside = step(options(rules, None));
    // Other shapes than those of all have another share of scales, and of this small model the header is a part.
    assert!((beside / alone - 1.0).abs() < 0.2, "{beside} {alone}");
    // A budget that was asked for is that of all: 8 bits of some are paid by the others.
    let paying = step(options(rules, Some(5.0)));
    assert!(paying > 2.0 * alone, "{paying} {alone}");
    let bits = |rules: &str| {
        let root = temp();
        let report = compress(&fixture(), root.path(), options(rules, None)).unwrap();
        let (ruled, rated): (Vec<_>, Vec<_>) = report
            .layers
            .iter()
            .partition(|layer| layer.bits == 8 && layer.step.is_none());
        for layer in ruled {
            assert_eq!(layer.role.as_deref(), Some("down"));
            assert_eq!(layer.method, "joint");
            assert!(layer.sparsity < 0.02, "{}", layer.sparsity);
        }
        assert!(rated.iter().all(|layer| layer.method == "entropy"));
        let size = |layer: &LayerReport| (layer.shape[0] * layer.shape[1]) as f64;
        let weights: f64 = rated.iter().map(|layer| size(layer)).sum();
        let bits = rated
            .iter()
            .map(|layer| layer.bits_per_weight * size(layer));
        (rated.len(), bits.sum::<f64>() / weights)
    };
    let ((all, alone), (others, beside)) = (bits("[]"), bits(rules));
    assert_eq!((all, others), (35, 30));
    assert!((beside / alone - 1.0).abs() < 0.03, "{beside} {alone}");
}
