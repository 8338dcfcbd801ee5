//! Damaged files of other formats: an error that names the file, never a panic, never memory that the file does not have.

mod common;
mod quantized;

use common::{Random, compute};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, Folder, TensorsError, formats};
use quantized::written;
use std::sync::Arc;

const GGUF: &str = "model.gguf";
const SHARD: &str = "model.safetensors";

/// Opens a model and reads all of it.
fn read(folder: &MemFolder) -> Result<Catalog, TensorsError> {
    let model = Catalog::open(Arc::new(folder.clone()))?;
    for entry in &model.tensors {
        model.read_f32(&compute(1), entry)?;
        if entry.shape.first().is_some_and(|rows| *rows > 1) {
            model.read_rows_f32(&compute(1), entry, 1..2)?;
        }
    }
    Ok(model)
}

fn of(id: &str) -> MemFolder {
    written(formats::by_id(id).unwrap())
}

fn with(folder: &MemFolder, file: &str, bytes: Vec<u8>) -> MemFolder {
    let changed = MemFolder::new("changed");
    for name in folder.list().unwrap() {
        changed.insert(&name, folder.read(&name).unwrap());
    }
    changed.insert(file, bytes);
    changed
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    for (id, file) in [("gguf-q4_0", GGUF), ("compressed-tensors", SHARD)] {
        let folder = of(id);
        assert!(read(&folder).is_ok());
        let bytes = folder.read(file).unwrap();
        for len in (0..bytes.len()).step_by(7) {
            let error = read(&with(&folder, file, bytes[..len].to_vec())).unwrap_err();
            let code = error.code();
            assert!(
                ["TRUNCATED", "BAD_HEADER"].contains(&code),
                "{len}: {error}"
            );
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    for (id, file) in [
        ("gguf-q4_0", GGUF),
        ("compressed-tensors", SHARD),
        ("compressed-tensors", "config.json"),
    ] {
        let folder = of(id);
        let bytes = folder.read(file).unwrap();
        let mut random = Random(5);
        let end = bytes.len().min(4000);
        for _ in 0..2000 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random.below(3) {
                changed[random.below(end)] = random.next() as u8;
            }
            // Some changes are as good as the original: a weight, a name.
            let _ = read(&with(&folder, file, changed));
        }
    }
}

#[test]
fn counts_beyond_every_file_are_refused_before_memory_is_taken() {
    let folder = of("gguf-q8_0");
    let bytes = folder.read(GGUF).unwrap();
    // Tensors, values, length of the first key.
    for place in [8, 16, 24] {
        for count in [u64::MAX, 1 << 60, 1 << 40, 1 << 31] {
            let mut changed = bytes.clone();
            changed[place..place + 8].copy_from_slice(&count.to_le_bytes());
            let error = read(&with(&folder, GGUF, changed)).unwrap_err();
            assert!(
                ["TRUNCATED", "BAD_HEADER"].contains(&error.code()),
                "{error}"
            );
        }
    }
    let mut other = bytes.clone();
    other[..4].copy_from_slice(b"GGML");
    assert_eq!(
        read(&with(&folder, GGUF, other)).unwrap_err().code(),
        "BAD_HEADER"
    );
}

#[test]
fn a_file_of_another_program_is_told_so() {
    let folder = of("gguf-q8_0");
    let bytes = folder.read(GGUF).unwrap();
    let at = bytes
        .windows(10)
        .position(|bytes| bytes == b"kerf.names")
        .unwrap();
    let mut changed = bytes.clone();
    changed[at..at + 4].copy_from_slice(b"fork");
    let error = read(&with(&folder, GGUF, changed)).unwrap_err();
    assert_eq!(error.code(), "GGUF_UNSUPPORTED");
    assert!(error.to_string().contains("safetensors"));
}

#[test]
fn schemes_that_do_not_fit_the_tensors_are_refused() {
    let folder = of("compressed-tensors");
    let config = String::from_utf8(folder.read("config.json").unwrap()).unwrap();
    for (from, to) in [
        ("\"num_bits\": 4", "\"num_bits\": 3"),
        ("\"num_bits\": 4", "\"num_bits\": 99"),
        ("pack-quantized", "nvfp4-pack-quantized"),
        ("\"symmetric\": true", "\"symmetric\": false"),
        ("\"group_size\": 128", "\"group_size\": 64"),
    ] {
        assert!(config.contains(from), "{config}");
        let changed = config.replace(from, to).into_bytes();
        let error = read(&with(&folder, "config.json", changed)).unwrap_err();
        let code = error.code();
        assert!(
            ["ALREADY_QUANTIZED", "BAD_HEADER"].contains(&code),
            "{from}: {error}"
        );
    }
}

#[test]
fn a_scale_that_is_no_number_is_named() {
    let folder = of("gguf-q4_0");
    let bytes = folder.read(GGUF).unwrap();
    let model = read(&folder).unwrap();
    let header_bytes = model.shards[0].header_bytes as usize;
    // Three rotary factors, padded, then the first block.
    let mut changed = bytes;
    changed[header_bytes + 32..header_bytes + 34].copy_from_slice(&[0xff, 0x7f]);
    let error = read(&with(&folder, GGUF, changed)).unwrap_err();
    assert_eq!(error.code(), "BAD_SCALE", "{error}");
}
