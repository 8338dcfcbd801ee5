//! `plan` and `compress` on the real decoder, and what they leave behind.

mod common;

use common::{Recorder, err, f64_of, ok, sample, shared, stories, text};
use kerf_bindings::{Stage, dispatch};
use serde_json::{Value, json};
use std::path::Path;

fn request(out: &Path, options: Value) -> Value {
    json!({
        "model": stories(),
        "out": text(out),
        "calibration": { "file": sample() },
        "options": options,
    })
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .map(|path| {
            (
                text(path.strip_prefix(folder).expect("inside")),
                std::fs::read(&path).expect("file"),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_report_tells_what_was_planned_and_what_is_there() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("small");
    let request = request(
        &out,
        json!({ "tokens": 2048, "sparsity": 0.7, "bits": 4, "groupSize": 32 }),
    );
    let plan = ok("plan", request.clone());
    assert!(!out.exists(), "plan writes nothing");
    let host = Recorder::default();
    let report = dispatch("compress", &request.to_string(), &host).expect("success");
    host.check_progress();
    for stage in [
        Stage::Plan,
        Stage::Calibrate,
        Stage::Statistics,
        Stage::Solve,
        Stage::Forward,
        Stage::Write,
    ] {
        assert!(
            host.events
                .borrow()
                .iter()
                .any(|event| event.stage == stage),
            "{stage:?}"
        );
    }
    let bytes: u64 = files(&out)
        .iter()
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert_eq!(report["outputBytes"].as_u64(), Some(bytes));
    assert!(
        (f64_of(&plan, "outputBytes") / bytes as f64 - 1.0).abs() < 0.02,
        "{}",
        plan["outputBytes"]
    );
    assert!((f64_of(&report, "sparsity") - 0.7).abs() < 0.005);
    assert!(
        report["tokens"]
            .as_u64()
            .is_some_and(|tokens| tokens > 1500 && tokens <= 2048)
    );
    assert!(cfg!(not(target_os = "linux")) || f64_of(&report, "peakRssBytes") > 0.0);
    assert_eq!(report["layers"].as_array().map(Vec::len), Some(35));
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("folder").count(),
        1,
        "the work folder is gone"
    );
}

#[test]
fn every_form_that_is_written_is_read_and_scores_alike() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name);
    ok(
        "compress",
        request(
            &path("kerf"),
            json!({ "tokens": 2048, "sparsity": 0.5, "embeddingBits": 8, "schedule": "uniform" }),
        ),
    );
    ok(
        "compress",
        request(
            &path("dense"),
            json!({ "tokens": 2048, "sparsity": 0.5, "embeddingBits": 8, "schedule": "uniform", "format": "safetensors" }),
        ),
    );
    ok(
        "convert",
        json!({ "model": text(&path("kerf")), "format": "safetensors", "out": text(&path("converted")) }),
    );
    ok(
        "convert",
        json!({ "model": text(&path("kerf")), "format": "kerf", "out": text(&path("copy")) }),
    );
    let perplexity = |name: &str| {
        f64_of(
            &ok(
                "evaluate",
                json!({ "model": text(&path(name)), "textFile": sample() }),
            ),
            "perplexity",
        )
    };
    let kerf = perplexity("kerf");
    assert!(kerf > 6.0 && kerf < 40.0, "{kerf}");
    for other in ["dense", "converted", "copy"] {
        assert!((perplexity(other) - kerf).abs() < 1e-9 * kerf, "{other}");
    }
    let compared = ok(
        "compare",
        json!({ "original": stories(), "small": text(&path("kerf")), "textFile": sample() }),
    );
    assert!((f64_of(&compared["small"], "perplexity") - kerf).abs() < 1e-6);
    assert!(f64_of(&compared, "kl") > 0.01 && f64_of(&compared, "topTokenAgreement") < 1.0);
    let inspected = ok("inspect", json!({ "model": text(&path("kerf")) }));
    let target = &inspected["tensors"]
        .as_array()
        .expect("tensors")
        .iter()
        .find(|t| t["part"] == "target")
        .expect("one")["stored"];
    // Half of the weights are removed, and a few survivors are rounded to zero besides.
    let stored = target.as_str().unwrap_or_default();
    assert!(stored.contains(" bits, 50."), "{stored}");
    let again = err(
        "compress",
        json!({ "model": text(&path("kerf")), "out": text(&path("x")) }),
    );
    assert_eq!(again.code, "ALREADY_COMPRESSED");
}

#[test]
fn a_cancelled_run_goes_on_and_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("folder");
    let (whole, resumed) = (folder.path().join("whole"), folder.path().join("resumed"));
    let options = json!({ "tokens": 1024, "seed": 3 });
    ok("compress", request(&whole, options.clone()));
    let mut cancelled = 0;
    let report = loop {
        let host = Recorder::cancelling_after(25);
        match dispatch(
            "compress",
            &request(&resumed, options.clone()).to_string(),
            &host,
        ) {
            Ok(report) => break report,
            Err(error) => assert_eq!(error.code, "CANCELLED"),
        }
        assert!(!resumed.exists(), "nothing under the final name");
        cancelled += 1;
        if cancelled == 3 {
            break ok("compress", request(&resumed, options.clone()));
        }
    };
    assert!(cancelled > 0 && f64_of(&report, "resumedUnits") > 0.0);
    assert_eq!(files(&whole), files(&resumed));
}

#[test]
fn calibration_comes_from_a_sample_strings_or_the_model() {
    let folder = tempfile::tempdir().expect("folder");
    for (name, calibration) in [
        ("builtin", json!("builtin")),
        ("self", json!("self")),
        (
            "texts",
            json!({ "texts": ["Once upon a time there was a dog.", "", "He ran home."] }),
        ),
    ] {
        let out = folder.path().join(name);
        let request = json!({ "model": stories(), "out": text(&out), "calibration": calibration, "options": { "tokens": 600 } });
        let host = Recorder::default();
        let report = dispatch("compress", &request.to_string(), &host).expect("success");
        host.check_progress();
        let tokens = f64_of(&report, "tokens");
        assert!(
            tokens <= 600.0 && tokens > if name == "texts" { 10.0 } else { 500.0 },
            "{name}: {tokens}"
        );
    }
}

#[test]
fn methods_without_calibration_do_not_read_it() {
    let folder = tempfile::tempdir().expect("folder");
    for (method, sparsity) in [("rtn", 0.0), ("magnitude", 0.7)] {
        let out = folder.path().join(method);
        let request = json!({ "model": stories(), "out": text(&out), "calibration": { "file": "nowhere" }, "options": { "method": method, "sparsity": sparsity } });
        let report = ok("compress", request);
        assert_eq!(report["tokens"], 0);
    }
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let empty = folder.path().join("empty.txt");
    std::fs::write(&empty, " \n").expect("write");
    let out = text(&folder.path().join("out"));
    for (change, code) in [
        (json!({ "options": { "sparsity": 2 } }), "BAD_OPTION"),
        (json!({ "options": { "method": "nonsense" } }), "BAD_OPTION"),
        (json!({ "options": { "nonsense": 1 } }), "BAD_REQUEST"),
        (json!({ "options": { "sparsity": "0.7" } }), "BAD_REQUEST"),
        (json!({ "options": { "threads": 99999 } }), "BAD_OPTION"),
        (
            json!({ "options": { "maxMemoryBytes": 1000 } }),
            "MEMORY_LIMIT",
        ),
        (
            json!({ "calibration": { "file": text(&empty) } }),
            "CALIBRATION_EMPTY",
        ),
        (
            json!({ "calibration": { "texts": [] } }),
            "CALIBRATION_EMPTY",
        ),
        (json!({ "calibration": { "file": "nowhere" } }), "NOT_FOUND"),
        (json!({ "calibration": "nonsense" }), "BAD_REQUEST"),
        (json!({ "out": text(folder.path()) }), "OUTPUT_EXISTS"),
    ] {
        let mut request = json!({ "model": stories(), "out": out });
        for (key, value) in change.as_object().expect("an object") {
            request[key] = value.clone();
        }
        let error = err("compress", request);
        assert_eq!(error.code, code, "{change}: {}", error.message);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("folder").count(),
            1,
            "{change}"
        );
    }
    let error = err(
        "plan",
        json!({ "model": stories(), "options": { "sparsity": "0.7" } }),
    );
    assert!(
        error.message.contains("plan.options.sparsity") && error.message.contains("0.7"),
        "{}",
        error.message
    );
}

#[test]
fn a_whole_model_is_taught_on_the_text_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("folder");
    let taught = |name: &str, recover: Value| {
        let out = folder.path().join(name);
        let options = json!({ "tokens": 600, "bits": 3, "recover": recover });
        let request = json!({ "model": stories(), "out": text(&out), "options": options });
        let host = Recorder::default();
        let report = dispatch("compress", &request.to_string(), &host).expect("success");
        host.check_progress();
        let parts = report["recovered"].as_array().expect("parts").clone();
        assert_eq!(parts.len(), 1, "{name}");
        assert!(f64_of(&report, "tokens") <= 600.0, "{name}");
        assert!(f64_of(&parts[0], "tokens") >= 1500.0, "{name}");
        files(&out)
    };
    let text = |text: &str| json!({ "tokens": 1500, "by": "whole", "text": text });
    let results = ["calibration", "self", "both"].map(|name| taught(name, text(name)));
    assert!(results[0] != results[1] && results[1] != results[2] && results[0] != results[2]);
}

#[test]
fn an_encoder_is_calibrated_line_by_line() {
    let (Some(model), Some(lines)) = (
        shared("models/all-MiniLM-L6-v2"),
        shared("text/stsb-calibration-512.txt"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("small");
    let request = json!({ "model": model, "out": text(&out), "calibration": { "file": lines }, "options": { "method": "wanda", "sparsity": 0.7, "tokens": 256 } });
    let report = ok("compress", request);
    assert!(f64_of(&report, "tokens") <= 256.0 && f64_of(&report, "tokens") > 200.0);
    let own =
        json!({ "model": model, "out": text(&folder.path().join("own")), "calibration": "self" });
    assert_eq!(err("compress", own).code, "WRONG_KIND");
}
