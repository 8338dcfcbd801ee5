//! Every folder of test/golden/pipeline, against what sentence-transformers 6 computed of it.

mod common;

use common::pipeline::{case, cases, folder_of, options};
use common::{f64_of, ok, text};
use serde_json::{Value, json};

/// Both compute in 32 bits, in another order of sums; a network of two layers adds up to some 1e-6 of the largest number of a
/// vector. What is wrong in kind (a prompt, a case, a mode) changes vectors by a hundredth at least.
const TOLERANCE: f64 = 1e-5;

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers.map(|value| value.as_f64().unwrap()).collect()
}

/// The largest difference, over the largest number.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    let largest = b
        .iter()
        .fold(1e-3, |most: f64, value| most.max(value.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max) / largest
}

fn embed(folder: &str, case: &Value, texts: &Value) -> Value {
    let mut request = json!({ "model": folder, "texts": texts });
    for (name, value) in options(case) {
        request[name] = value;
    }
    ok("embed", request)
}

#[test]
fn every_folder_has_the_vectors_of_sentence_transformers() {
    let golden = cases();
    let mut wrong = Vec::new();
    for (case, expected) in golden.cases() {
        let name = case["name"].as_str().unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = folder_of(case, root.path());
        let result = embed(&text(&folder), case, &golden.texts);
        assert_eq!(
            f64_of(&result, "dimensions") as usize,
            expected[0].len(),
            "{name}"
        );
        for (vector, expected) in result["vectors"].as_array().unwrap().iter().zip(expected) {
            let vector = numbers(vector);
            assert_eq!(vector.len(), expected.len(), "{name}");
            let difference = difference(&vector, &expected);
            if difference.is_nan() || difference > TOLERANCE {
                wrong.push(format!("{name}: {difference}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A table whose rows agree with each other would show nothing.
#[test]
fn what_a_folder_says_changes_its_vectors() {
    let golden = cases();
    let vectors: Vec<_> = golden.cases().collect();
    let of = |name: &str| {
        let found = vectors.iter().find(|(case, _)| case["name"] == *name);
        found.unwrap_or_else(|| panic!("no case {name}")).1[2].clone()
    };
    for (a, b) in [
        ("usual", "mode cls"),
        ("usual", "lower case"),
        ("usual", "max_seq_length"),
        ("max_seq_length", "left side cut"),
        ("prompt of encode", "usual"),
        ("default prompt", "default prompt not pooled"),
        ("no prompt weightedmean", "mode weightedmean"),
        ("Tanh", "Dense plus a projection"),
        ("all flags", "modes in their order"),
    ] {
        assert!(difference(&of(a), &of(b)) > 1e-3, "{a} and {b}");
    }
}

#[test]
fn a_compressed_folder_keeps_its_pipeline() {
    let golden = cases();
    for name in [
        "saved: every module",
        "two Dense",
        "transformer in a folder",
        "default prompt not pooled",
    ] {
        let case = case(&golden, name);
        let root = tempfile::tempdir().unwrap();
        let folder = folder_of(case, root.path());
        let out = root.path().join("small");
        let (model, small) = (text(&folder), text(&out));
        ok(
            "convert",
            json!({ "model": model, "out": small, "format": "kerf" }),
        );
        let before = embed(&model, case, &golden.texts);
        let after = embed(&small, case, &golden.texts);
        assert_eq!(before["vectors"], after["vectors"], "{name}");
    }
}
