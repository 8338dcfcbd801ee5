//! Conversions: the same values in another form, atomically.

mod common;

use common::{Recorder, f64_of, ok, sample, stories, text};
use kerf_bindings::dispatch;
use serde_json::json;

#[test]
fn a_plain_model_survives_the_way_there_and_back() {
    let folder = tempfile::tempdir().expect("folder");
    let (kerf, back) = (folder.path().join("kerf"), folder.path().join("back"));
    let host = Recorder::default();
    let request = json!({ "model": stories(), "format": "kerf", "out": text(&kerf) });
    let there = dispatch("convert", &request.to_string(), &host).expect("success");
    host.check_progress();
    let notes = there["notes"].to_string();
    assert!(notes.contains("was not compressed"), "{notes}");
    assert_eq!(there["outputBytes"], folder_bytes(&kerf));
    ok(
        "convert",
        json!({ "model": text(&kerf), "format": "safetensors", "out": text(&back), "maxShardBytes": 300_000 }),
    );
    assert!(
        back.join("model.safetensors.index.json").exists(),
        "more than one file"
    );
    assert!(back.join("tokenizer.json").exists());
    let perplexity = |model: String| {
        f64_of(
            &ok("evaluate", json!({ "model": model, "textFile": sample() })),
            "perplexity",
        )
    };
    let expected = perplexity(stories());
    for model in [text(&kerf), text(&back), text(&kerf.join("model.kerf"))] {
        assert_eq!(perplexity(model.clone()), expected, "{model}");
    }
    let inspection = ok("inspect", json!({ "model": text(&kerf) }));
    assert_eq!(
        (inspection["form"].as_str(), inspection["bytes"].as_u64()),
        (Some("kerf"), Some(folder_bytes(&kerf)))
    );
}

#[test]
fn a_cancelled_conversion_leaves_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    for events in 1..20 {
        let host = Recorder::cancelling_after(events);
        let out = folder.path().join("out");
        let request = json!({ "model": stories(), "format": "safetensors", "out": text(&out) });
        let error = dispatch("convert", &request.to_string(), &host).expect_err("cancelled");
        assert_eq!(error.code, "CANCELLED");
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
    }
}

fn folder_bytes(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| {
            entry
                .and_then(|entry| entry.metadata())
                .expect("file")
                .len()
        })
        .sum()
}
