//! Sentence embedding on the published MiniLM, where the shared folder is.

mod common;

use common::{Recorder, f64_of, ok, shared};
use kerf_bindings::dispatch;
use serde_json::json;

/// transformers 5 in f32 with mean pooling, on the first 200 pairs.
const SPEARMAN: f64 = 0.936_238_75;

#[test]
fn pairs_rank_as_in_transformers() {
    let (Some(model), Some(pairs)) = (
        shared("models/all-MiniLM-L6-v2"),
        shared("tasks/stsb/stsb-en-dev.csv"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("pairs.csv");
    let all = std::fs::read_to_string(pairs).expect("pairs");
    let first: Vec<&str> = all.lines().take(200).collect();
    std::fs::write(&file, first.join("\n")).expect("write");
    let host = Recorder::default();
    let request = json!({ "model": model, "pairsFile": file });
    let result = dispatch("evaluate", &request.to_string(), &host).expect("success");
    assert_eq!(result["pairs"], 200);
    let spearman = f64_of(&result, "spearman");
    assert!((spearman - SPEARMAN).abs() < 2e-4, "{spearman}");
    assert_eq!(result["notes"].as_array().map(Vec::len), Some(0));
    host.check_progress();
    let request = json!({ "original": model, "small": model, "pairsFile": file });
    let host = Recorder::default();
    let result = dispatch("compare", &request.to_string(), &host).expect("success");
    assert!((f64_of(&result, "meanCosine") - 1.0).abs() < 1e-6);
    assert!((f64_of(&result, "meanCosineFirst") - 1.0).abs() < 1e-6);
    assert_eq!(f64_of(&result["small"], "spearman"), spearman);
    host.check_progress();
}

#[test]
fn long_texts_are_cut_and_vectors_are_normalised() {
    let Some(model) = shared("models/all-MiniLM-L6-v2") else {
        return;
    };
    let long = "A sentence that goes on. ".repeat(200);
    let longer = "A sentence that goes on. ".repeat(300);
    let result = ok(
        "embed",
        json!({ "model": model, "texts": [long, longer, "Short."] }),
    );
    assert_eq!(
        (result["dimensions"].as_u64(), result["truncated"].as_u64()),
        (Some(384), Some(2))
    );
    assert_eq!(
        result["vectors"][0], result["vectors"][1],
        "both are cut at 256 tokens"
    );
    for vector in result["vectors"].as_array().expect("vectors") {
        let square: f64 = vector
            .as_array()
            .expect("a vector")
            .iter()
            .filter_map(|x| x.as_f64())
            .map(|x| x * x)
            .sum();
        assert!((square - 1.0).abs() < 1e-5);
    }
}

#[test]
fn an_encoder_has_no_perplexity() {
    let Some(model) = shared("models/all-MiniLM-L6-v2") else {
        return;
    };
    let error = common::err("evaluate", json!({ "model": model, "text": "a few words" }));
    assert_eq!(error.code, "WRONG_KIND");
}
