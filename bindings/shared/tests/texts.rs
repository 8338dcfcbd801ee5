//! What may stand in a text: byte order marks, bytes that are no text, texts that are long, short, or say the same again and again.

mod common;

use common::{err, ok, sample, shared, stories, text};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A folder with files in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).expect("write");
        text(&self.path(name))
    }

    fn compress(&self, out: &str, model: &str, calibration: Value, options: Value) -> Value {
        json!({ "model": model, "out": text(&self.path(out)), "calibration": calibration, "options": options, "estimate": false })
    }
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_text() {
    let place = Place::new();
    let plain = std::fs::read_to_string(sample()).expect("sample");
    let marked = place.write("marked.txt", format!("\u{feff}{plain}"));
    let evaluate = |field: &str, value: &str| {
        ok(
            "evaluate",
            json!({ "model": stories(), field: value, "context": 64 }),
        )
    };
    let expected = evaluate("textFile", &sample())["nll"].clone();
    assert_eq!(evaluate("textFile", &marked)["nll"], expected);
    assert_eq!(
        evaluate("text", &format!("\u{feff}{plain}"))["nll"],
        expected
    );
    let bytes = |out: &str, calibration: Value| {
        let options = json!({ "method": "wanda", "sparsity": 0.7, "tokens": 512 });
        ok(
            "compress",
            place.compress(out, &stories(), calibration, options),
        );
        std::fs::read(place.path(out).join("model.kerf")).expect("result")
    };
    let expected = bytes("plain", json!({ "file": sample() }));
    assert_eq!(bytes("marked", json!({ "file": marked })), expected);
    let texts = json!({ "texts": [format!("\u{feff}{plain}")] });
    assert_eq!(bytes("texts", texts), expected);
}

#[test]
fn what_is_not_utf8_is_refused_by_every_command_that_reads_text() {
    let place = Place::new();
    // Far behind the tokens that a calibration needs.
    let mut content = std::fs::read(sample()).expect("sample").repeat(40);
    let offset = content.len() as u64;
    content.extend_from_slice(b"caf\xe9 au lait");
    let file = place.write("latin.txt", &content);
    let csv = place.write("latin.csv", b"a,b,1\ncaf\xe9,c,2\n");
    let calibration = json!({ "file": file });
    let out = place.compress(
        "out",
        &stories(),
        calibration,
        json!({ "method": "wanda", "sparsity": 0.7, "tokens": 512 }),
    );
    for (command, request, path, offset) in [
        ("compress", out, &file, offset + 3),
        (
            "evaluate",
            json!({ "model": stories(), "textFile": file }),
            &file,
            offset + 3,
        ),
        (
            "compare",
            json!({ "original": stories(), "small": stories(), "textFile": file }),
            &file,
            offset + 3,
        ),
        (
            "evaluate",
            json!({ "model": stories(), "pairsFile": csv }),
            &csv,
            9,
        ),
        (
            "compare",
            json!({ "original": stories(), "small": stories(), "pairsFile": csv }),
            &csv,
            9,
        ),
        (
            "inspect",
            json!({ "model": stories(), "architecture": csv }),
            &csv,
            9,
        ),
    ] {
        let error = err(command, request);
        assert_eq!(error.code, "NOT_UTF8", "{command}");
        assert_eq!(error.details["path"], json!(path), "{command}");
        assert_eq!(error.details["offset"], json!(offset), "{command}");
    }
    assert!(!place.path("out").exists());
}

#[test]
fn a_report_says_how_much_of_a_text_was_used() {
    let place = Place::new();
    let bytes = std::fs::metadata(sample()).expect("sample").len();
    let options = |tokens: usize| json!({ "method": "wanda", "sparsity": 0.7, "tokens": tokens });
    let calibration = json!({ "file": sample() });
    let request = place.compress("all", &stories(), calibration.clone(), options(1 << 20));
    let all = ok("compress", request);
    assert_eq!(all["text"]["bytes"], json!(bytes));
    let (used, tokens) = (&all["text"]["usedBytes"], &all["text"]["tokens"]);
    assert!(used.as_f64().expect("bytes") > 0.8 * bytes as f64, "{all}");
    assert_eq!(tokens, &all["tokens"]);
    let mut request = place.compress("some", &stories(), calibration, options(512));
    let some = ok("compress", request.clone());
    assert_eq!(some["text"]["tokens"], json!(512));
    assert!(some["text"]["usedBytes"].as_u64() < used.as_u64(), "{some}");
    request["estimate"] = json!(true);
    assert_eq!(ok("plan", request)["text"], some["text"]);
    let measured = ok(
        "evaluate",
        json!({ "model": stories(), "textFile": sample(), "context": 64 }),
    );
    assert_eq!(measured["text"]["bytes"], json!(bytes));
    let windows = measured["text"]["tokens"].as_u64().expect("tokens") / 64;
    assert_eq!(measured["tokens"], json!(windows * 63));
}

#[test]
fn a_text_of_which_all_is_used_gives_the_windows_that_it_gave_whole() {
    use kerf_compress::calibration::decoder_windows;
    let place = Place::new();
    let plain = std::fs::read_to_string(sample()).expect("sample");
    let json = std::fs::read(format!("{}/tokenizer.json", stories())).expect("tokenizer");
    let tokenizer = kerf_text::Tokenizer::from_bytes(&json).expect("tokenizer");
    let ids = tokenizer.encode(&plain, true).expect("ids");
    let expected = decoder_windows(&ids, 512, 2048, 5);
    let options = json!({ "method": "wanda", "sparsity": 0.7, "tokens": 2048, "seed": 5 });
    let calibration = json!({ "file": sample() });
    let report = ok(
        "compress",
        place.compress("out", &stories(), calibration, options),
    );
    let tokens: usize = expected.iter().map(Vec::len).sum();
    assert_eq!(report["tokens"], json!(tokens));
}

#[test]
fn a_long_text_is_seen_at_places_that_follow_the_seed() {
    let place = Place::new();
    let sentence = std::fs::read_to_string(sample()).expect("sample");
    let end = (0..4000)
        .rev()
        .find(|end| sentence.is_char_boundary(*end))
        .unwrap_or(0);
    let part = &sentence[..end];
    // Beyond what is encoded whole; a word of its own in each part says where it is from.
    let mut long = String::new();
    while long.len() < 5 << 20 {
        long.push_str(&format!("{} ", long.len()));
        long.push_str(part);
    }
    let file = place.write("long.txt", &long);
    let run = |out: &str, seed: u64| {
        let options = json!({ "method": "wanda", "sparsity": 0.7, "tokens": 2048, "seed": seed });
        let calibration = json!({ "file": file });
        let report = ok(
            "compress",
            place.compress(out, &stories(), calibration, options),
        );
        assert_eq!(report["tokens"], json!(2048));
        assert_eq!(report["text"]["bytes"], json!(long.len()));
        assert!(
            report["text"]["usedBytes"].as_u64().expect("bytes") < 200_000,
            "{report}"
        );
        assert!(
            notes(&report).contains("drawn at places"),
            "{}",
            notes(&report)
        );
        std::fs::read(place.path(out).join("model.kerf")).expect("result")
    };
    let first = run("a", 1);
    assert_eq!(run("b", 1), first);
    assert_ne!(run("c", 2), first);
}

#[test]
fn an_encoder_takes_a_line_of_any_length() {
    let Some(model) = shared("models/all-MiniLM-L6-v2") else {
        return;
    };
    let place = Place::new();
    let words = "a dog runs in the park with many other small dogs ".repeat(100_000);
    let file = place.write("long.txt", format!("{words}\na short line here\n"));
    let options = json!({ "method": "wanda", "sparsity": 0.7, "tokens": 2000 });
    let request = place.compress("out", &model, json!({ "file": file }), options.clone());
    let report = ok("compress", request);
    assert_eq!(report["text"]["cut"], json!(1), "{}", report["text"]);
    assert!(report["text"]["usedBytes"].as_u64().expect("bytes") < 600_000);
    // The same tokens as of its beginning alone.
    let short = place.write(
        "short.txt",
        format!("{}\na short line here\n", &words[..20_000]),
    );
    let same = ok(
        "compress",
        place.compress("same", &model, json!({ "file": short }), options),
    );
    assert_eq!(same["tokens"], report["tokens"]);
    let bytes = |out: &str| std::fs::read(place.path(out).join("model.kerf")).expect("result");
    assert_eq!(bytes("same"), bytes("out"));
}

#[test]
fn texts_that_say_too_little_get_a_note_and_are_an_error_under_strict() {
    let place = Place::new();
    let plain = std::fs::read_to_string(sample()).expect("sample");
    let line = "Once upon a time there was a little dog.\n";
    let cases = [
        (
            "short",
            json!({ "texts": ["Once upon a time there was a dog."] }),
            "inputs of the widest matrix",
        ),
        (
            "repeated",
            json!({ "texts": ["was ".repeat(4000)] }),
            "one token",
        ),
        ("lines", json!({ "texts": [line.repeat(400)] }), "repeats"),
    ];
    for (name, calibration, word) in cases {
        let mut request = place.compress(
            name,
            &stories(),
            calibration,
            json!({ "method": "wanda", "sparsity": 0.7, "tokens": 2048 }),
        );
        let report = ok("compress", request.clone());
        assert!(notes(&report).contains(word), "{name}: {}", notes(&report));
        request["estimate"] = json!(true);
        assert!(notes(&ok("plan", request.clone())).contains(word), "{name}");
        request["options"]["strict"] = json!(true);
        request["out"] = json!(text(&place.path("strict")));
        for command in ["compress", "plan"] {
            let error = err(command, request.clone());
            assert_eq!(error.code, "CALIBRATION_POOR", "{name}: {}", error.message);
            assert!(error.message.contains(word), "{name}: {}", error.message);
        }
        assert!(!place.path("strict").exists());
    }
    let options = json!({ "method": "wanda", "sparsity": 0.7, "tokens": 2048 });
    let fine = ok(
        "compress",
        place.compress("fine", &stories(), json!({ "texts": [plain] }), options),
    );
    for word in ["widest", "one token", "repeats"] {
        assert!(!notes(&fine).contains(word), "{}", notes(&fine));
    }
}

#[test]
fn measuring_keeps_to_its_memory_or_is_refused() {
    let model = stories();
    let measure = |bytes: u64| json!({ "model": model, "textFile": sample(), "context": 64, "maxMemoryBytes": bytes });
    let free = ok(
        "evaluate",
        json!({ "model": model, "textFile": sample(), "context": 64 }),
    );
    let tight = ok("evaluate", measure(400 << 20));
    assert_eq!(free["tokens"], tight["tokens"]);
    let error = err("evaluate", measure(1 << 20));
    assert_eq!(error.code, "MEMORY_LIMIT");
    let needed = error.details["neededBytes"].as_u64().expect("bytes");
    ok("evaluate", measure(needed));
    let compare =
        json!({ "original": model, "small": model, "textFile": sample(), "maxMemoryBytes": 1 });
    assert_eq!(err("compare", compare).code, "MEMORY_LIMIT");
    let generate = json!({ "model": model, "prompt": "Once", "maxTokens": 3, "maxMemoryBytes": 1 });
    assert_eq!(err("generate", generate).code, "MEMORY_LIMIT");
    let embed = json!({ "model": model, "texts": ["Once"], "maxMemoryBytes": 1 });
    assert_eq!(err("embed", embed).code, "MEMORY_LIMIT");
}
