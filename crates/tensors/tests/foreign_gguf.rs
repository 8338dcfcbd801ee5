//! GGUF files of other programs: what is shown, what is refused and how, files in parts, and damage. The files are made by
//! test/golden/make_gguf_goldens.py.

mod common;

use common::{Random, compute};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, Stored, TensorsError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/gguf")
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(golden().join(name)).unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> Arc<MemFolder> {
    let folder = MemFolder::new("model");
    for (file, bytes) in files {
        folder.insert(file, bytes.to_vec());
    }
    Arc::new(folder)
}

fn open(bytes: &[u8]) -> Result<Catalog, TensorsError> {
    Catalog::open(folder(&[("x.gguf", bytes)]))
}

/// Opens a model and reads all of it.
fn read(bytes: &[u8]) -> Result<(), TensorsError> {
    let model = open(bytes)?;
    for entry in &model.tensors {
        let all = model.read_f32(&compute(1), entry)?;
        if entry.shape[0] > 1 {
            let cols = all.len() / entry.shape[0];
            let row = model.read_rows_f32(&compute(1), entry, 1..2)?;
            let same = row
                .iter()
                .zip(&all[cols..2 * cols])
                .all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{} by rows", entry.name);
        }
    }
    Ok(())
}

/// The same bytes with every `from` replaced by a `to` of the same length.
fn with(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut changed = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "{from} is not there");
    for at in places {
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    changed
}

/// The same bytes with another type for a matrix.
fn with_type(bytes: &[u8], tensor: &str, from: u32, to: u32) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let at = (0..bytes.len())
        .find(|at| bytes[*at..].starts_with(tensor.as_bytes()))
        .unwrap();
    // Behind the name: number of dimensions, two of them, type.
    let at = at + tensor.len() + 4 + 16;
    assert_eq!(bytes[at..at + 4], from.to_le_bytes());
    changed[at..at + 4].copy_from_slice(&to.to_le_bytes());
    changed
}

fn refused(bytes: &[u8], words: &[&str]) {
    let error = open(bytes).expect_err("it says what kerf cannot do");
    assert_eq!(error.code(), "GGUF_UNSUPPORTED", "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    // Who only looks sees it, with the reason.
    let looked = Catalog::look(folder(&[("x.gguf", bytes)])).unwrap();
    assert!(!looked.tensors.is_empty());
    let notes = looked.files.notes().join("\n");
    assert!(notes.contains(words[0]), "{notes}");
}

#[test]
fn what_kerf_cannot_do_is_refused_by_name() {
    let llama = bytes_of("llama.gguf");
    refused(
        &with(&llama, "llama", "nolla"),
        &["general.architecture", "\"nolla\"", "qwen2", "safetensors"],
    );
    refused(
        &with(&llama, "general.architecture", "general.orchitecture"),
        &["general.architecture", "convert the model again"],
    );
    refused(
        &with(&llama, "llama.block_count", "llama.block_kount"),
        &["llama.block_count", "does not say it"],
    );
    refused(
        &with(&llama, "llama.rope.freq_base", "llama.residual_scale"),
        &["llama.residual_scale", "500"],
    );
    refused(
        &with(&llama, "blk.0.attn_q.weight", "blk.0.attn_z.weight"),
        &["blk.0.attn_z.weight", "no place"],
    );
    refused(
        &with(&llama, "blk.1.attn_q.weight", "blk.7.attn_q.weight"),
        &["blk.7.attn_q.weight"],
    );
    refused(
        &with(&llama, "token_embd.weight", "token_embe.weight"),
        &["token_embd.weight"],
    );
    let smollm = bytes_of("tokenizer-smollm.gguf");
    refused(
        &with(&smollm, "smollm", "smolly"),
        &["tokenizer.ggml.pre", "\"smolly\"", "llama-bpe"],
    );
    refused(
        &with(&smollm, "gpt2", "rwkv"),
        &["tokenizer.ggml.model", "\"rwkv\"", "bert"],
    );
    refused(
        &with(&smollm, "tokenizer.ggml.pre", "tokenizer.ggml.pro"),
        &["tokenizer.ggml.pre", "does not say"],
    );
    refused(
        &with(&smollm, "tokenizer.ggml.merges", "tokenizer.ggml.murges"),
        &["tokenizer.ggml.merges"],
    );
    refused(
        &with(&bytes_of("llama-linear.gguf"), "linear", "banana"),
        &["llama.rope.scaling.type", "\"banana\""],
    );
    refused(
        &with(&bytes_of("phi3.gguf"), "blk.0.ffn_down", "blk.0.ffn_dawn"),
        &["blk.0.ffn_dawn.weight"],
    );
}

#[test]
fn types_that_are_not_read_are_named_and_shown() {
    let blocks = bytes_of("llama-blocks.gguf");
    let model = open(&blocks).unwrap();
    let types: Vec<&str> = model
        .tensors
        .iter()
        .filter_map(|entry| match &entry.stored {
            Stored::Foreign(foreign) => foreign.gguf_type(),
            _ => None,
        })
        .collect();
    for name in ["Q4_K", "Q6_K", "Q5_1", "Q2_K"] {
        assert!(types.contains(&name), "{types:?}");
    }
    let notes = model.files.notes().join("\n");
    assert!(notes.contains("already rounded to"), "{notes}");
    assert!(notes.contains("by another program"), "{notes}");
    // A type of the size of Q4_0 that kerf does not read.
    let tensor = "blk.0.attn_output.weight";
    refused(
        &with_type(&blocks, tensor, 2, 31),
        &[tensor, "Q4_0_4_4", "Q4_K"],
    );
    let error = open(&with_type(&blocks, tensor, 2, 99)).unwrap_err();
    assert_eq!(error.code(), "BAD_HEADER");
    assert!(error.to_string().contains("type 99"), "{error}");
    // Floats are told nothing.
    let plain = open(&bytes_of("llama.gguf")).unwrap();
    assert!(!plain.files.notes().join("\n").contains("rounded"));
}

#[test]
fn a_model_in_several_files_is_one() {
    let parts = golden().join("parts");
    let names: Vec<String> = (1..=3)
        .map(|part| format!("smollm-0000{part}-of-00003.gguf"))
        .collect();
    let whole = open(&bytes_of("tokenizer-smollm.gguf")).unwrap();
    // The folder, and any of its files.
    for path in [parts.clone(), parts.join(&names[0]), parts.join(&names[2])] {
        let model = Catalog::open_path(&path).unwrap();
        assert_eq!(model.shards.len(), 3);
        assert_eq!(model.tensors.len(), whole.tensors.len());
        for entry in &whole.tensors {
            let found = model.get(&entry.name).unwrap();
            assert_eq!(
                model.read_f32(&compute(1), found).unwrap(),
                whole.read_f32(&compute(1), entry).unwrap()
            );
        }
        assert_eq!(
            model.folder.read("tokenizer.json").unwrap(),
            whole.folder.read("tokenizer.json").unwrap()
        );
    }
    let first = std::fs::read(parts.join(&names[0])).unwrap();
    let alone = Catalog::open(folder(&[(&names[0], &first)])).unwrap_err();
    assert!(
        alone
            .to_string()
            .contains("-00002-of-00003.gguf is missing"),
        "{alone}"
    );
    // Under another name it still says that it is a part.
    let renamed = open(&first).unwrap_err();
    assert_eq!(renamed.code(), "GGUF_UNSUPPORTED");
    assert!(renamed.to_string().contains("3 files"), "{renamed}");
}

#[test]
fn one_of_several_files_can_be_named() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.gguf", "b.gguf"] {
        std::fs::write(dir.path().join(name), bytes_of("llama.gguf")).unwrap();
    }
    let both = Catalog::open_path(dir.path()).unwrap_err();
    assert!(both.to_string().contains("name one"), "{both}");
    let one = Catalog::open_path(&dir.path().join("b.gguf")).unwrap();
    assert_eq!(one.shards[0].file, "b.gguf");
}

#[test]
fn files_beside_are_not_read_and_said_to_be() {
    let bytes = bytes_of("tokenizer-smollm.gguf");
    let model = Catalog::open(folder(&[
        ("x.gguf", &bytes),
        ("config.json", b"{\"model_type\": \"bert\"}"),
        ("tokenizer.json", b"not even JSON"),
        ("README.md", b"about it"),
    ]))
    .unwrap();
    assert_eq!(model.files.config.as_ref().unwrap()["model_type"], "llama");
    let notes = model.files.notes().join("\n");
    assert!(notes.contains("config.json, tokenizer.json"), "{notes}");
    let sidecars: Vec<&str> = model
        .sidecars
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        sidecars,
        [
            "README.md",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    // What was made of the file takes no bytes of its own.
    assert_eq!(model.bytes(), bytes.len() as u64 + 8);
    assert_eq!(
        model.files.tokenizer.chat_template.as_deref(),
        Some("{{ messages }}")
    );
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    for name in [
        "tokenizer-smollm.gguf",
        "tokenizer-bert.gguf",
        "llama-blocks.gguf",
    ] {
        let bytes = bytes_of(name);
        assert!(read(&bytes).is_ok());
        for len in (0..bytes.len()).step_by(bytes.len() / 400) {
            let code = read(&bytes[..len]).unwrap_err().code();
            assert!(
                ["TRUNCATED", "BAD_HEADER"].contains(&code),
                "{name} {len}: {code}"
            );
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    let files = [
        "llama",
        "gemma3",
        "phi2",
        "llama3",
        "bert",
        "tokenizer-smollm",
        "tokenizer-scores",
        "tokenizer-bert",
    ];
    let mut random = Random(9);
    for name in files {
        let bytes = bytes_of(&format!("{name}.gguf"));
        for round in 0..300 {
            let mut changed = bytes.clone();
            // Half of them in the values at the start.
            let end = if round % 2 == 0 {
                900
            } else {
                changed.len().min(16_000)
            };
            for _ in 0..1 + random.below(3) {
                changed[random.below(end)] = random.next() as u8;
            }
            // Some changes are as good as the original: a weight, a name.
            let _ = read(&changed);
        }
    }
}

#[test]
fn counts_beyond_every_file_are_refused_before_memory_is_taken() {
    let bytes = bytes_of("tokenizer-smollm.gguf");
    // Tensors, values, length of the first key, elements of the list of tokens.
    let tokens = (0..bytes.len())
        .find(|at| bytes[*at..].starts_with(b"tokenizer.ggml.tokens"))
        .unwrap();
    for place in [8, 16, 24, tokens + 21 + 8] {
        for count in [u64::MAX, 1 << 60, 1 << 40, 1 << 31, 90_000_000] {
            let mut changed = bytes.clone();
            changed[place..place + 8].copy_from_slice(&count.to_le_bytes());
            let code = read(&changed).unwrap_err().code();
            assert!(
                ["TRUNCATED", "BAD_HEADER"].contains(&code),
                "{place} {count}: {code}"
            );
        }
    }
}

#[test]
fn numbers_of_the_metadata_take_no_memory_before_they_are_believed() {
    for name in ["gemma2", "gemma3", "smollm3"] {
        let bytes = bytes_of(&format!("{name}.gguf"));
        let key = format!("{name}.block_count");
        let at = (0..bytes.len())
            .find(|at| bytes[*at..].starts_with(key.as_bytes()))
            .unwrap();
        let mut changed = bytes.clone();
        // Behind the key: type, number.
        let at = at + key.len() + 4;
        changed[at..at + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
        refused(&changed, &[&key, "more than any model has"]);
    }
}

#[test]
fn versions_and_byte_orders_that_are_not_read_say_so() {
    for (version, word) in [
        (1u32, "version 1"),
        (4, "version 4"),
        (3u32.swap_bytes(), "big-endian"),
    ] {
        let mut changed = bytes_of("llama.gguf");
        changed[4..8].copy_from_slice(&version.to_le_bytes());
        let error = open(&changed).unwrap_err();
        assert_eq!(error.code(), "BAD_HEADER");
        assert!(error.to_string().contains(word), "{error}");
    }
    // Version 2 is laid out as 3.
    let mut older = bytes_of("llama.gguf");
    older[4..8].copy_from_slice(&2u32.to_le_bytes());
    assert!(read(&older).is_ok());
}
