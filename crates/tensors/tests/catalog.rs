//! Catalogs of plain safetensors.

mod common;

use common::shared;
use kerf_tensors::catalog::Span;
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, DType, Stored};
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::sync::Arc;

/// A file made by the safetensors crate.
fn file(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (
            *name,
            TensorView::new(*dtype, shape.to_vec(), bytes).unwrap(),
        )
    });
    serialize(views, None).unwrap()
}

#[test]
fn a_file_of_the_safetensors_crate_is_read_as_it_reads_it() {
    let bytes = file(&[
        ("b", Dtype::F32, &[2, 3], &[1; 24]),
        ("a", Dtype::BF16, &[4], &[2; 8]),
        ("empty", Dtype::F16, &[0, 7], &[]),
        ("scalar", Dtype::I64, &[], &[3; 8]),
    ]);
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let folder = MemFolder::new("m");
    folder
        .insert("model.safetensors", bytes.clone())
        .insert("config.json", "{\"a\":1}");
    let catalog = Catalog::open(Arc::new(folder)).unwrap();
    assert_eq!(catalog.tensors.len(), 4);
    for entry in &catalog.tensors {
        let their = theirs.tensor(&entry.name).unwrap();
        assert_eq!(entry.shape, their.shape());
        assert_eq!(entry.dtype.name(), their.dtype().to_string());
        assert_eq!(catalog.read_bytes(entry).unwrap(), their.data());
    }
    assert_eq!(catalog.files.config.as_ref().unwrap()["a"], 1);
    assert_eq!(catalog.form, "safetensors");
    assert_eq!(catalog.get("nothing").unwrap_err().code(), "TENSOR_MISSING");
    assert!(catalog.contains("a") && !catalog.contains("nothing"));
}

#[test]
fn shards_with_an_index_are_one_model() {
    let folder = MemFolder::new("m");
    folder
        .insert("model-1.safetensors", file(&[("a", Dtype::U8, &[3], &[1, 2, 3])]))
        .insert("model-2.safetensors", file(&[("b", Dtype::U8, &[1], &[9])]))
        .insert("other.safetensors", "not read")
        .insert(
            "model.safetensors.index.json",
            r#"{"metadata":{"total_size":4},"weight_map":{"b":"model-2.safetensors","a":"model-1.safetensors"}}"#,
        );
    let catalog = Catalog::open(Arc::new(folder)).unwrap();
    assert_eq!(catalog.shards.len(), 2);
    let b = catalog.get("b").unwrap();
    assert!(matches!(
        b.stored,
        Stored::Plain(Span {
            shard: 1,
            len_bytes: 1,
            ..
        })
    ));
    assert_eq!(catalog.read_bytes(b).unwrap(), [9]);
}

#[test]
fn a_fingerprint_changes_with_the_content_only() {
    let make = |weight: u8, config: &str, readme: &str| {
        let folder = MemFolder::new("m");
        folder
            .insert(
                "model.safetensors",
                file(&[("a", Dtype::U8, &[1], &[weight])]),
            )
            .insert("config.json", config)
            .insert("README.md", readme);
        Catalog::open(Arc::new(folder))
            .unwrap()
            .fingerprint()
            .unwrap()
    };
    let base = make(1, "{}", "x");
    assert_eq!(base.len(), 64);
    assert_eq!(base, make(1, "{}", "y"));
    assert_ne!(base, make(2, "{}", "x"));
    assert_ne!(base, make(1, "{ }", "x"));
}

#[test]
fn the_shipped_sentence_model() {
    let Some(path) = shared("all-MiniLM-L6-v2") else {
        return;
    };
    let catalog = Catalog::open_path(&path).unwrap();
    let entry = catalog
        .get("encoder.layer.0.attention.self.query.weight")
        .unwrap();
    assert_eq!(
        (entry.dtype, entry.shape.as_slice()),
        (DType::F32, &[384, 384][..])
    );
    let sidecars: Vec<_> = catalog
        .sidecars
        .iter()
        .map(|(file, _)| file.as_str())
        .collect();
    assert!(sidecars.contains(&"1_Pooling/config.json") && sidecars.contains(&"tokenizer.json"));
    assert!(!sidecars.contains(&"model.safetensors"));
    let by_file = Catalog::open_path(&path.join("model.safetensors")).unwrap();
    assert_eq!(by_file.tensors, catalog.tensors);
    assert_eq!(
        by_file.fingerprint().unwrap(),
        catalog.fingerprint().unwrap()
    );
}

#[test]
fn a_shipped_sharded_model() {
    let Some(path) = shared("stories260K-bf16-sharded") else {
        return;
    };
    let catalog = Catalog::open_path(&path).unwrap();
    assert!(catalog.shards.len() > 1);
    assert!(
        catalog
            .tensors
            .iter()
            .any(|entry| entry.dtype == DType::BF16)
    );
    let by_index = Catalog::open_path(&path.join("model.safetensors.index.json")).unwrap();
    assert_eq!(by_index.tensors, catalog.tensors);
}
