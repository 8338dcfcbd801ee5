//! NaN and infinities: in any tensor that is read or copied, and in what is computed from weights that are finite.

mod common;

use common::edit::{Edited, Tensor};
use common::{err, ok, sample, stories, text};
use serde_json::{Value, json};
use std::path::Path;

/// Functions that run a model, and those that write one.
fn requests(model: &str, out: &Path) -> Vec<(&'static str, Value)> {
    let (out, words) = (text(out), "Once upon a time there was a little girl");
    vec![
        ("evaluate", json!({ "model": model, "text": words })),
        (
            "compare",
            json!({ "original": stories(), "small": model, "text": words }),
        ),
        (
            "compare",
            json!({ "original": model, "small": stories(), "text": words }),
        ),
        (
            "generate",
            json!({ "model": model, "prompt": words, "maxTokens": 4 }),
        ),
        ("embed", json!({ "model": model, "texts": [words] })),
        (
            "compress",
            json!({ "model": model, "out": out, "calibration": { "file": sample() }, "options": { "tokens": 512 } }),
        ),
        (
            "compress",
            json!({ "model": model, "out": out, "options": { "method": "magnitude", "sparsity": 0.7, "format": "safetensors" } }),
        ),
        (
            "convert",
            json!({ "model": model, "out": out, "format": "safetensors" }),
        ),
        (
            "convert",
            json!({ "model": model, "out": out, "format": "kerf" }),
        ),
        (
            "convert",
            json!({ "model": model, "out": out, "format": "gguf-q8_0" }),
        ),
    ]
}

#[test]
fn every_tensor_that_is_read_or_copied_is_looked_at() {
    let folder = tempfile::tempdir().expect("folder");
    for (index, (name, value)) in [
        ("model.embed_tokens.weight", f32::NAN),
        ("model.norm.weight", f32::INFINITY),
        ("model.layers.2.post_attention_layernorm.weight", f32::NAN),
        ("model.layers.4.mlp.down_proj.weight", f32::NEG_INFINITY),
    ]
    .into_iter()
    .enumerate()
    {
        let mut model = Edited::copy(Path::new(&stories()), folder.path().join(index.to_string()));
        // The whole of a table, since a text has some of its rows only.
        model.change(name, |values| values.fill(value));
        let path = model.save();
        let out = folder.path().join("out");
        for (command, request) in requests(&path, &out) {
            let error = err(command, request);
            assert_eq!(
                error.code, "NON_FINITE",
                "{command} {name}: {}",
                error.message
            );
            assert_eq!(error.details["tensor"], name, "{command}");
            assert!(!out.exists(), "{command}");
        }
    }
}

#[test]
fn what_is_only_copied_is_looked_at() {
    let folder = tempfile::tempdir().expect("folder");
    let mut model = Edited::copy(Path::new(&stories()), folder.path().join("mystery"));
    model.config["model_type"] = json!("mystery");
    model.set(
        "model.wpe.weight",
        Tensor::f32(
            &[512, 64],
            |index| if index == 999 { f32::NAN } else { 0.5 },
        ),
    );
    let (path, out) = (model.save(), folder.path().join("out"));
    for (command, request) in [
        (
            "compress",
            json!({ "model": path, "out": text(&out), "options": { "method": "rtn" } }),
        ),
        (
            "convert",
            json!({ "model": path, "out": text(&out), "format": "kerf" }),
        ),
    ] {
        let error = err(command, request);
        assert_eq!(
            (error.code, &error.details["index"]),
            ("NON_FINITE", &json!(999)),
            "{}",
            error.message
        );
        assert!(!out.exists());
    }
    // A mask is made of infinities.
    model.set("model.wpe.weight", Tensor::f32(&[512, 64], |_| 0.5));
    model.set(
        "model.attn_mask",
        Tensor::f32(&[8, 8], |_| f32::NEG_INFINITY),
    );
    ok(
        "convert",
        json!({ "model": model.save(), "out": text(&out), "format": "kerf" }),
    );
}

#[test]
fn what_leaves_the_range_of_f32_is_no_metric() {
    let folder = tempfile::tempdir().expect("folder");
    let mut model = Edited::copy(Path::new(&stories()), folder.path().join("loud"));
    for block in 0..5 {
        let name = format!("model.layers.{block}.mlp.down_proj.weight");
        // Finite, as every weight is; their sums are not.
        model.change(&name, |values| {
            for value in values {
                *value = value.signum() * 3e38;
            }
        });
    }
    let path = model.save();
    let out = folder.path().join("out");
    for (command, request) in requests(&path, &out) {
        let calibrated = request.get("calibration").is_some();
        if !calibrated && ["compress", "convert"].contains(&command) {
            continue;
        }
        let error = err(command, request);
        assert_eq!(error.code, "NOT_FINITE", "{command}: {}", error.message);
        let model = error.details["model"].as_str().expect("a name");
        assert!(model.ends_with("loud") || calibrated, "{command}: {model}");
        assert!(!out.exists(), "{command}");
    }
}
