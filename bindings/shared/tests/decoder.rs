//! Every function on the real decoder that the repository ships.

mod common;

use common::{Recorder, err, f64_of, ok, sample, shared, stories, text};
use kerf_bindings::{Stage, dispatch};
use serde_json::json;

#[test]
fn inspect_says_what_is_inside() {
    let inspection = ok("inspect", json!({ "model": stories() }));
    assert_eq!(inspection["form"], "safetensors");
    assert_eq!(inspection["architecture"], "llama");
    assert_eq!(inspection["known"], true);
    assert_eq!(inspection["parameters"], 260_032);
    // 5 blocks of q and o [64, 64], k and v [32, 64], gate, up and down [172, 64].
    assert_eq!(
        inspection["targetParameters"],
        5 * (2 * 4096 + 2 * 2048 + 3 * 172 * 64)
    );
    assert_eq!(
        (
            inspection["blocks"].as_u64(),
            inspection["maxContext"].as_u64()
        ),
        (Some(5), Some(512))
    );
    let tensors = inspection["tensors"].as_array().expect("tensors");
    let part = |name: &str| {
        tensors
            .iter()
            .find(|t| t["name"] == name)
            .map(|t| t["part"].clone())
    };
    assert_eq!(part("model.embed_tokens.weight"), Some(json!("embedding")));
    assert_eq!(
        part("model.layers.4.mlp.down_proj.weight"),
        Some(json!("target"))
    );
    assert_eq!(part("model.norm.weight"), Some(json!("other")));
    let file = ok(
        "inspect",
        json!({ "model": format!("{}/model.safetensors", stories()) }),
    );
    assert_eq!(
        file["tensors"], inspection["tensors"],
        "a path to the file is as good"
    );
}

#[test]
fn perplexity_is_the_one_of_transformers() {
    let Some(file) = shared("text/tinystories-valid.txt") else {
        return;
    };
    for model in [Some(stories()), shared("models/stories260K-bf16-sharded")] {
        let model = model.expect("the shared folder is there");
        let host = Recorder::default();
        let request = json!({ "model": model, "textFile": file, "context": 512 });
        let result = dispatch("evaluate", &request.to_string(), &host).expect("success");
        let perplexity = f64_of(&result, "perplexity");
        assert!((perplexity / 5.24586 - 1.0).abs() < 1e-3, "{perplexity}");
        assert!((f64_of(&result, "nll").exp() / perplexity - 1.0).abs() < 1e-12);
        assert_eq!(
            result["tokens"].as_u64().map(|n| n % 511),
            Some(0),
            "whole windows only"
        );
        host.check_progress();
    }
}

#[test]
fn text_and_its_file_give_the_same() {
    let text = std::fs::read_to_string(sample()).expect("sample");
    let of_text = ok(
        "evaluate",
        json!({ "model": stories(), "text": text, "threads": 1 }),
    );
    let of_file = ok(
        "evaluate",
        json!({ "model": stories(), "textFile": sample(), "threads": 2 }),
    );
    assert_eq!(
        of_text["perplexity"], of_file["perplexity"],
        "and any number of threads"
    );
    assert!(f64_of(&of_text, "perplexity") < 6.0);
}

#[test]
fn a_model_against_itself_lost_nothing() {
    let host = Recorder::default();
    let request = json!({ "original": stories(), "small": stories(), "textFile": sample() });
    let result = dispatch("compare", &request.to_string(), &host).expect("success");
    assert_eq!(result["originalBytes"], result["smallBytes"]);
    assert_eq!(
        result["original"]["perplexity"],
        result["small"]["perplexity"]
    );
    assert!(f64_of(&result, "kl").abs() < 1e-9);
    assert_eq!(f64_of(&result, "topTokenAgreement"), 1.0);
    host.check_progress();
}

#[test]
fn generated_pieces_are_the_text() {
    let request = json!({ "model": stories(), "prompt": "Once upon a time", "maxTokens": 60 });
    let host = Recorder::default();
    let result = dispatch("generate", &request.to_string(), &host).expect("success");
    let written = result["text"].as_str().expect("text").to_string();
    let pieces: String = host
        .events
        .borrow()
        .iter()
        .map(|event| event.name.clone())
        .collect();
    assert_eq!(pieces, written);
    assert!(written.starts_with(", there was a little"), "{written}");
    assert_eq!(
        (result["tokens"].as_u64(), result["finish"].as_str()),
        (Some(60), Some("length"))
    );
    host.check_progress();
    assert_eq!(
        ok("generate", request)["text"],
        written.as_str(),
        "greedy is repeatable"
    );
}

#[test]
fn sampling_follows_its_seed_and_an_end_token_ends() {
    let run = |seed: u64| {
        ok(
            "generate",
            json!({ "model": stories(), "maxTokens": 500, "temperature": 1.0, "topP": 0.9, "seed": seed }),
        )
    };
    let (one, again, other) = (run(1), run(1), run(2));
    assert_eq!(one["text"], again["text"]);
    assert_ne!(one["text"], other["text"]);
}

#[test]
fn cancelling_keeps_what_was_written() {
    let host = Recorder::cancelling_after(5);
    let request = json!({ "model": stories(), "prompt": "Lily", "maxTokens": 100 });
    let result = dispatch("generate", &request.to_string(), &host).expect("success");
    assert_eq!(
        (result["finish"].as_str(), result["tokens"].as_u64()),
        (Some("cancelled"), Some(5))
    );
    assert!(!result["text"].as_str().expect("text").is_empty());
}

#[test]
fn cancelling_a_measure_is_an_error() {
    let host = Recorder::cancelling_after(1);
    let request = json!({ "model": stories(), "textFile": sample() });
    let error = dispatch("evaluate", &request.to_string(), &host).expect_err("cancelled");
    assert_eq!(error.code, "CANCELLED");
    assert_eq!(
        host.events
            .borrow()
            .iter()
            .filter(|event| event.stage == Stage::Evaluate)
            .count(),
        1
    );
}

#[test]
fn a_decoder_embeds_with_a_note() {
    let result = ok(
        "embed",
        json!({ "model": stories(), "texts": ["A dog ran.", "A cat sat."] }),
    );
    assert_eq!(
        (result["dimensions"].as_u64(), result["truncated"].as_u64()),
        (Some(64), Some(0))
    );
    let vector = result["vectors"][0].as_array().expect("a vector");
    let square: f64 = vector
        .iter()
        .filter_map(|x| x.as_f64())
        .map(|x| x * x)
        .sum();
    assert!((square - 1.0).abs() < 1e-5);
    assert!(
        result["notes"][0]
            .as_str()
            .expect("a note")
            .contains("mean pooling")
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let empty = folder.path().join("empty.txt");
    std::fs::write(&empty, "\n").expect("write");
    let model = stories();
    for (command, request, code) in [
        ("evaluate", json!({ "model": model }), "BAD_REQUEST"),
        (
            "evaluate",
            json!({ "model": model, "text": "a", "textFile": "b" }),
            "BAD_REQUEST",
        ),
        (
            "evaluate",
            json!({ "model": model, "textFile": text(&empty) }),
            "EMPTY",
        ),
        (
            "evaluate",
            json!({ "model": model, "textFile": "nowhere.txt" }),
            "NOT_FOUND",
        ),
        (
            "evaluate",
            json!({ "model": model, "text": "a b c", "context": 1 }),
            "BAD_OPTION",
        ),
        (
            "evaluate",
            json!({ "model": model, "textFile": sample(), "context": 513 }),
            "TOO_LONG",
        ),
        (
            "evaluate",
            json!({ "model": model, "text": "a b c", "threads": 1_000_000 }),
            "BAD_OPTION",
        ),
        (
            "generate",
            json!({ "model": model, "temperature": -1 }),
            "BAD_OPTION",
        ),
        (
            "generate",
            json!({ "model": model, "topP": 0 }),
            "BAD_OPTION",
        ),
        ("embed", json!({ "model": model, "texts": [] }), "EMPTY"),
        (
            "convert",
            json!({ "model": model, "format": "zip", "out": text(&folder.path().join("x")) }),
            "BAD_OPTION",
        ),
        (
            "convert",
            json!({ "model": model, "format": "kerf", "out": text(folder.path()) }),
            "OUTPUT_EXISTS",
        ),
        ("inspect", json!({ "model": "nowhere" }), "NOT_FOUND"),
        (
            "inspect",
            json!({ "model": text(folder.path()) }),
            "NOT_A_MODEL",
        ),
    ] {
        let error = err(command, request.clone());
        assert_eq!(error.code, code, "{command} {request}: {}", error.message);
    }
}

#[test]
fn a_model_that_is_not_known_is_inspected_all_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let weights = format!("{}/model.safetensors", stories());
    std::fs::copy(weights, folder.path().join("model.safetensors")).expect("copy");
    for (config, architecture) in [
        (None, "none"),
        (Some("{}"), "none"),
        (Some(r#"{"model_type":"x9"}"#), "x9"),
    ] {
        if let Some(config) = config {
            std::fs::write(folder.path().join("config.json"), config).expect("write");
        }
        let inspection = ok("inspect", json!({ "model": text(folder.path()) }));
        assert_eq!(inspection["architecture"], architecture);
        assert_eq!(
            (
                inspection["known"].as_bool(),
                inspection["parameters"].as_u64()
            ),
            (Some(false), Some(260_032))
        );
        let plan = json!({ "model": text(folder.path()), "options": { "method": "magnitude", "sparsity": 0.7 } });
        assert_eq!(ok("plan", plan)["architecture"], architecture);
    }
}
