//! Tokenizers in GGUF files against the libraries that made them (tokenizers, SentencePiece): test/golden/make_gguf_goldens.py.

use kerf_tensors::Catalog;
use kerf_text::{Description, Tokenizer, TokenizerFiles};
use serde_json::Value;
use std::path::Path;

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/gguf")
}

fn tokenizer(file: &Path) -> Tokenizer {
    let catalog = Catalog::open_path(file).unwrap_or_else(|error| panic!("{error}"));
    let files = TokenizerFiles::read(catalog.folder.as_ref()).unwrap();
    let description = Description::of(&files, &catalog.files.tokenizer).unwrap();
    Tokenizer::new(description).unwrap()
}

#[test]
fn ids_are_those_of_the_tokenizer_before_it_was_converted() {
    let cases = std::fs::read(golden().join("tokenizers.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() >= 9);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let tokenizer = tokenizer(&golden().join(format!("tokenizer-{name}.gguf")));
        for pair in case["texts"].as_array().unwrap() {
            let text = pair[0].as_str().unwrap();
            let expected: Vec<u32> = serde_json::from_value(pair[1].clone()).unwrap();
            assert_eq!(
                tokenizer.encode(text, true).unwrap(),
                expected,
                "{name}: {text:?}"
            );
        }
    }
}

#[test]
fn ids_become_the_text_again() {
    for name in [
        "gpt-2",
        "smollm",
        "qwen2",
        "llama-bpe",
        "scores",
        "scores-bare",
    ] {
        let tokenizer = tokenizer(&golden().join(format!("tokenizer-{name}.gguf")));
        for text in ["Once upon a time, 3 dogs ran.", "Ünï \u{1f642} ok"] {
            let ids = tokenizer.encode(text, false).unwrap();
            assert_eq!(tokenizer.decode(&ids).unwrap(), text, "{name}");
        }
    }
}
