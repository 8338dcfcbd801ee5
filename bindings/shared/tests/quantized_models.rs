//! Models that other programs have quantized: refused by every function, but shown by `inspect`.

mod common;

use common::edit::{Edited, Tensor};
use common::{err, ok, sample, stories, text};
use serde_json::{Value, json};
use std::path::Path;

/// A request of every function but `inspect` that has a model.
fn requests(model: &str, out: &Path) -> Vec<(&'static str, Value)> {
    let out = text(out);
    let rtn = json!({ "method": "rtn" });
    vec![
        ("plan", json!({ "model": model, "options": rtn })),
        (
            "compress",
            json!({ "model": model, "out": out, "options": rtn }),
        ),
        (
            "compress",
            json!({ "model": model, "out": out, "calibration": { "file": sample() } }),
        ),
        (
            "convert",
            json!({ "model": model, "out": out, "format": "kerf" }),
        ),
        (
            "convert",
            json!({ "model": model, "out": out, "format": "safetensors" }),
        ),
        (
            "evaluate",
            json!({ "model": model, "text": "Once upon a time" }),
        ),
        (
            "compare",
            json!({ "original": stories(), "small": model, "text": "Once upon a time" }),
        ),
        (
            "compare",
            json!({ "original": model, "small": stories(), "text": "Once upon a time" }),
        ),
        ("generate", json!({ "model": model, "prompt": "Once" })),
        ("embed", json!({ "model": model, "texts": ["Once"] })),
    ]
}

fn refused(model: &Edited, scheme: &str, evidence: &str) {
    let path = model.save();
    let out = model.folder.with_extension("out");
    for (command, request) in requests(&path, &out) {
        let error = err(command, request);
        assert_eq!(
            error.code, "ALREADY_QUANTIZED",
            "{command}: {}",
            error.message
        );
        assert_eq!(error.details["scheme"], scheme, "{command}");
        assert_eq!(error.details["evidence"], evidence, "{command}");
        assert!(
            error.message.contains("take the original model"),
            "{}",
            error.message
        );
        assert!(!out.exists(), "{command}");
    }
    let seen = ok("inspect", json!({ "model": path }));
    assert_eq!(seen["form"], scheme);
    assert_eq!(seen["known"], false);
    let notes = seen["notes"].to_string();
    assert!(
        notes.contains("quantized already") && notes.contains(scheme),
        "{notes}"
    );
    assert_eq!(
        seen["tensors"].as_array().map(Vec::len),
        Some(model.names().len())
    );
}

fn stories_in(folder: &Path, name: &str) -> Edited {
    Edited::copy(Path::new(&stories()), folder.join(name))
}

#[test]
fn a_configuration_that_names_a_scheme_is_enough() {
    let folder = tempfile::tempdir().expect("folder");
    for (index, (settings, scheme)) in [
        (json!({ "quant_method": "gptq", "bits": 4 }), "gptq, 4 bit"),
        (
            json!({ "quant_method": "fp8", "weight_block_size": [128, 128] }),
            "fp8",
        ),
        (json!({ "load_in_8bit": true }), "bitsandbytes, 8 bit"),
        (
            json!({ "quant_method": "compressed-tensors", "format": "float-quantized" }),
            "compressed-tensors (format float-quantized)",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut model = stories_in(folder.path(), &index.to_string());
        model.config["quantization_config"] = settings;
        refused(&model, scheme, "config.json, field quantization_config");
    }
    let mut older = stories_in(folder.path(), "older");
    older.config["compression_config"] =
        json!({ "quant_method": "compressed-tensors", "format": "pack-quantized" });
    refused(
        &older,
        "compressed-tensors",
        "config.json, field compression_config",
    );
    let file = stories_in(folder.path(), "file");
    std::fs::write(
        file.folder.join("quantize_config.json"),
        r#"{"bits": 8, "group_size": 128}"#,
    )
    .expect("a file");
    refused(&file, "gptq, 8 bit", "quantize_config.json");
}

#[test]
fn tensors_of_a_scheme_are_enough() {
    let folder = tempfile::tempdir().expect("folder");
    let layer = "model.layers.0.mlp.up_proj";
    for (index, (name, tensor, scheme)) in [
        (
            format!("{layer}.qweight"),
            Tensor::of("I32", &[8, 172], 8 * 172 * 4),
            "gptq or awq",
        ),
        (
            format!("{layer}.weight"),
            Tensor::of("F8_E4M3", &[172, 64], 172 * 64),
            "fp8",
        ),
        (
            format!("{layer}.SCB"),
            Tensor::of("F32", &[172], 172 * 4),
            "bitsandbytes, 8 bit",
        ),
        (
            format!("{layer}.weight.absmax"),
            Tensor::of("F32", &[172], 172 * 4),
            "bitsandbytes, 4 bit",
        ),
        (
            format!("{layer}_blocks"),
            Tensor::of("U8", &[4, 172, 2, 16], 4 * 172 * 32),
            "mxfp4",
        ),
        (
            format!("{layer}.weight"),
            Tensor::of("I8", &[172, 64], 172 * 64),
            "weights stored as integers",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let evidence = format!("tensor {name} of {}", tensor.dtype);
        // Known and not known architectures alike.
        for model_type in ["llama", "mystery"] {
            let mut model = stories_in(folder.path(), &format!("{model_type}{index}"));
            model.config["model_type"] = json!(model_type);
            model.set(&name, tensor.clone());
            refused(&model, scheme, &evidence);
        }
    }
}

/// What kerf wrote itself, in its container and in the formats of others, is read as before.
#[test]
fn what_kerf_wrote_is_no_foreign_scheme() {
    let folder = tempfile::tempdir().expect("folder");
    for format in ["kerf", "compressed-tensors", "gguf-q8_0", "safetensors"] {
        let out = text(&folder.path().join(format));
        let options = json!({ "method": "rtn", "format": format });
        ok(
            "compress",
            json!({ "model": stories(), "out": out, "options": options }),
        );
        let measured = ok(
            "evaluate",
            json!({ "model": out, "text": "Once upon a time there was a girl" }),
        );
        assert!(measured["nll"].is_number(), "{format}");
        assert!(
            !ok("inspect", json!({ "model": out }))["notes"]
                .to_string()
                .contains("quantized already")
        );
    }
}
