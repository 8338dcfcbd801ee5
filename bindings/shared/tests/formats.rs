//! Results in the formats of others: solved on their grid, read again, converted.

mod common;

use common::{err, f64_of, ok, sample, stories, text};
use serde_json::{Value, json};
use std::path::Path;

fn compress(format: &str, out: &Path, options: Value) -> Value {
    let mut options = options;
    options["format"] = json!(format);
    options["tokens"] = json!(2048);
    options["sparsity"] = json!(0.5);
    let request = json!({
        "model": stories(),
        "out": text(out),
        "calibration": { "file": sample() },
        "options": options,
    });
    let plan = ok("plan", request.clone());
    let report = ok("compress", request);
    // Without what is removed to decide, a plan knows the bytes.
    assert_eq!(plan["outputBytes"], report["outputBytes"], "{format}");
    assert_eq!(plan["bitsPerWeight"], report["bitsPerWeight"], "{format}");
    report
}

fn nll(model: &Path) -> f64 {
    f64_of(
        &ok(
            "evaluate",
            json!({ "model": text(model), "textFile": sample() }),
        ),
        "nll",
    )
}

fn convert(model: &Path, format: &str, out: &Path) -> Vec<String> {
    let request = json!({ "model": text(model), "format": format, "out": text(out) });
    let notes = ok("convert", request)["notes"].clone();
    serde_json::from_value(notes).expect("texts")
}

#[test]
fn a_result_on_the_grid_of_a_format_is_read_again_and_loses_nothing_on_the_way_to_others() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name);
    for (format, form) in [
        ("gguf-q4_0", "gguf"),
        ("gguf-q8_0", "gguf"),
        ("compressed-tensors", "compressed-tensors"),
    ] {
        let out = path(format);
        let report = compress(format, &out, json!({}));
        // Each matrix has a share of its own, of which the last weight is a rounded one.
        let sparsity = report["sparsity"].as_f64().expect("a number");
        assert!((sparsity - 0.5).abs() < 1e-4, "{format}: {sparsity}");
        // Rows of 172 weights.
        let notes = report["notes"].to_string();
        assert!(
            notes.contains("172") || format == "compressed-tensors",
            "{notes}"
        );
        let inspected = ok("inspect", json!({ "model": text(&out) }));
        assert_eq!(inspected["form"], form);
        assert_eq!(inspected["bytes"], report["outputBytes"]);
        let expected = nll(&out);
        for other in ["kerf", "safetensors"] {
            let there = path(&format!("{format}-{other}"));
            convert(&out, other, &there);
            assert!((nll(&there) - expected).abs() < 1e-9, "{format} to {other}");
        }
        let again = path(&format!("{format}-again"));
        let notes = convert(&path(&format!("{format}-kerf")), format, &again).join("\n");
        assert!(!notes.contains("rounded"), "{notes}");
        assert!(
            (nll(&again) - expected).abs() < 1e-9,
            "{format} there and back"
        );
        let error = err(
            "compress",
            json!({ "model": text(&out), "out": text(&path("x")) }),
        );
        assert_eq!(error.code, "ALREADY_COMPRESSED");
    }
}

#[test]
fn a_container_of_codes_that_the_other_grid_has_is_carried_over() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name);
    let options = json!({ "tokens": 2048, "sparsity": 0.5, "groupSize": 32, "embeddingBits": 16 });
    let request = json!({
        "model": stories(),
        "out": text(&path("kerf")),
        "calibration": { "file": sample() },
        "options": options,
    });
    ok("compress", request);
    let expected = nll(&path("kerf"));
    let notes = convert(&path("kerf"), "compressed-tensors", &path("ct"));
    // 172 is no multiple of 32: those five matrices cannot keep their groups.
    assert!(
        notes[0].starts_with("5 of 35 matrices were rounded"),
        "{notes:?}"
    );
    assert!((nll(&path("ct")) - expected).abs() < 0.05);
    let dense = convert(Path::new(&stories()), "gguf-q8_0", &path("rounded"));
    assert!(
        dense
            .iter()
            .any(|note| note.contains("without calibration")),
        "{dense:?}"
    );
}

#[test]
fn what_does_not_fit_a_format_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("out");
    let request = json!({ "model": stories(), "out": text(&out), "options": { "format": "gguf-q4_0", "bits": 3 } });
    let error = err("compress", request);
    assert_eq!(
        (error.code, &error.details["option"]),
        ("BAD_OPTION", &json!("bits"))
    );
    let no_tokenizer = folder.path().join("bare");
    std::fs::create_dir(&no_tokenizer).expect("folder");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(Path::new(&stories()).join(file), no_tokenizer.join(file)).expect("copy");
    }
    let request = json!({ "model": text(&no_tokenizer), "out": text(&out), "options": { "format": "gguf-q4_0", "method": "rtn" } });
    let error = err("compress", request);
    assert_eq!(error.code, "FORMAT_UNSUPPORTED");
    assert!(!out.exists());
}
