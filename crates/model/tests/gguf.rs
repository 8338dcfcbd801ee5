//! GGUF files that other programs wrote, as test/golden/make_gguf_goldens.py makes them, against transformers.

mod common;

use common::*;
use kerf_model::evaluate::Runner;
use kerf_model::{Kind, Network};
use kerf_tensors::Catalog;
use std::path::PathBuf;

const TOLERANCE: f32 = 1e-4;

/// The files with a reference.
fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("test/golden/gguf")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|end| end == "gguf")
            && file.with_extension("safetensors").exists()
    });
    files.sort();
    files
}

/// What kerf computes of a file for the sequences of its reference, and what transformers does of the original.
fn computed(file: &std::path::Path) -> (Vec<f32>, Vec<f32>) {
    let catalog = Catalog::open_path(file).unwrap_or_else(|error| panic!("{error}"));
    let network = Network::of_catalog(&catalog).unwrap_or_else(|error| panic!("{error}"));
    let reference = Catalog::open_path(&file.with_extension("safetensors")).unwrap();
    let compute = compute();
    let ids = reference.get("ids").unwrap();
    let length = ids.shape[1];
    let ids = reference.read_bytes(ids).unwrap();
    let ids = ids.as_chunks::<8>().0.iter();
    let ids: Vec<u32> = ids.map(|id| i64::from_le_bytes(*id) as u32).collect();
    let expected = reference.get("values").unwrap();
    let expected = reference.read_f32(&compute, expected).unwrap();
    let mut runner = Runner::new(&network, &catalog, &compute, 0);
    let ours = ids.chunks(length).flat_map(|ids| match network.kind() {
        Kind::Decoder => runner.logits(ids).unwrap(),
        Kind::Encoder => runner.hidden_states(ids).unwrap(),
    });
    (ours.collect(), expected)
}

#[test]
fn every_file_is_computed_as_transformers_computes_the_original() {
    let files = files();
    assert!(files.len() >= 16, "{}", files.len());
    for file in files {
        let (ours, expected) = computed(&file);
        assert_eq!(ours.len(), expected.len());
        let worst = distance(&ours, &expected);
        assert!(worst <= TOLERANCE, "{}: {worst}", file.display());
    }
}
