//! Values of plain tensors: conversion, digests, rows, and numbers that are none.

mod common;

use common::{compute, portable, shared};
use half::{bf16, f16};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::safetensors::{OutTensor, plan_files};
use kerf_tensors::{Catalog, DType, Digest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// More than one piece of a checked read, and no multiple of anything.
const LEN: usize = (1 << 20) + 4321;

fn bits(at: usize, dtype: DType) -> Vec<u8> {
    let value = ((at * 7919) % 1001) as f32 / 8.0 - 60.0;
    match dtype {
        DType::F32 => value.to_le_bytes().to_vec(),
        DType::F16 => f16::from_f32(value).to_le_bytes().to_vec(),
        _ => bf16::from_f32(value).to_le_bytes().to_vec(),
    }
}

fn value(bytes: &[u8], dtype: DType) -> f32 {
    match dtype {
        DType::F32 => f32::from_le_bytes(bytes.try_into().unwrap()),
        DType::F16 => f16::from_le_bytes(bytes.try_into().unwrap()).to_f32(),
        _ => bf16::from_le_bytes(bytes.try_into().unwrap()).to_f32(),
    }
}

/// A model with one tensor `w` of this content.
fn model(dtype: DType, shape: &[usize], content: &[u8]) -> Catalog {
    let tensor = OutTensor {
        name: "w".into(),
        dtype,
        shape: shape.into(),
    };
    let unit = (vec![tensor], BTreeMap::new());
    let mut plan = plan_files("m", "safetensors", &[unit], &BTreeMap::new(), u64::MAX);
    let mut bytes = plan.files.remove(0).header;
    bytes.extend_from_slice(content);
    let folder = MemFolder::new("m");
    folder.insert("model.safetensors", bytes);
    Catalog::open(Arc::new(folder)).unwrap()
}

#[test]
fn values_and_digest_for_any_number_of_threads() {
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let content: Vec<u8> = (0..LEN).flat_map(|at| bits(at, dtype)).collect();
        let width = content.len() / LEN;
        let expected: Vec<_> = content
            .chunks(width)
            .map(|bytes| value(bytes, dtype))
            .collect();
        let expected_digest = format!("blake3:{}", Digest::default().update(&content).hex());
        let catalog = model(dtype, &[LEN], &content);
        let entry = catalog.get("w").unwrap();
        for compute in [portable(), compute(1), compute(2), compute(3)] {
            assert_eq!(catalog.read_f32(&compute, entry).unwrap(), expected);
            let mut values = Vec::new();
            catalog
                .read_finite_into(&compute, entry, &mut values)
                .unwrap();
            assert_eq!(values, expected);
            let digest = catalog.source_digest(entry, &values).unwrap();
            assert_eq!(digest, expected_digest);
        }
    }
}

#[test]
fn rows_are_read_without_the_others() {
    let content: Vec<u8> = (0..60).flat_map(|at| bits(at, DType::BF16)).collect();
    let catalog = model(DType::BF16, &[5, 3, 4], &content);
    let entry = catalog.get("w").unwrap();
    let compute = compute(1);
    let all = catalog.read_f32(&compute, entry).unwrap();
    assert_eq!(
        catalog.read_rows_f32(&compute, entry, 2..4).unwrap(),
        &all[24..48]
    );
    assert!(
        catalog
            .read_rows_f32(&compute, entry, 5..5)
            .unwrap()
            .is_empty()
    );
    let error = catalog.read_rows_f32(&compute, entry, 4..6).unwrap_err();
    assert_eq!(error.code(), "WRONG_SHAPE");
    let scalar = model(DType::F32, &[], &1f32.to_le_bytes());
    let entry = scalar.get("w").unwrap();
    assert_eq!(
        scalar
            .read_rows_f32(&compute, entry, 0..1)
            .unwrap_err()
            .code(),
        "WRONG_SHAPE"
    );
}

#[test]
fn numbers_that_are_none_are_named_and_placed() {
    let wrong = [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ];
    for (value, shown) in wrong {
        for at in [0, 77, LEN - 1] {
            let mut content = vec![0; LEN * 4];
            content[at * 4..][..4].copy_from_slice(&value.to_le_bytes());
            content[LEN * 4 - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
            let catalog = model(DType::F32, &[LEN], &content);
            let entry = catalog.get("w").unwrap();
            let error = catalog
                .read_finite_into(&compute(2), entry, &mut Vec::new())
                .unwrap_err();
            assert_eq!(error.code(), "NON_FINITE");
            let details = error.data().details;
            assert_eq!(
                (&details["tensor"], &details["index"]),
                (&"w".into(), &at.into())
            );
            assert!(at == LEN - 1 || details["value"] == shown, "{details}");
            assert!(catalog.read_f32(&compute(2), entry).is_ok());
        }
    }
    let mut content = vec![0; 6];
    content[2..4].copy_from_slice(&f16::NAN.to_le_bytes());
    let catalog = model(DType::F16, &[3], &content);
    let error = catalog
        .read_finite_into(&compute(1), &catalog.tensors[0], &mut Vec::new())
        .unwrap_err();
    assert_eq!(error.data().details["index"], 1);
}

#[test]
fn other_types_pass_through_as_bytes_only() {
    let catalog = model(DType::I64, &[1], &[1; 8]);
    let entry = catalog.get("w").unwrap();
    assert_eq!(catalog.read_bytes(entry).unwrap(), [1; 8]);
    for error in [
        catalog.read_f32(&compute(1), entry).unwrap_err(),
        catalog
            .read_finite_into(&compute(1), entry, &mut Vec::new())
            .unwrap_err(),
        catalog.read_rows_f32(&compute(1), entry, 0..1).unwrap_err(),
        catalog.read_encoded(entry).unwrap_err(),
    ] {
        assert_eq!(error.code(), "WRONG_DTYPE");
        assert_eq!(error.data().details["tensor"], "w");
    }
}

#[test]
fn a_shipped_tensor_as_the_safetensors_crate_reads_it() {
    let Some(path) = shared("all-MiniLM-L6-v2") else {
        return;
    };
    let bytes = std::fs::read(path.join("model.safetensors")).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let catalog = Catalog::open_path(&path).unwrap();
    let name = "encoder.layer.3.intermediate.dense.weight";
    let values = catalog
        .read_f32(&compute(2), catalog.get(name).unwrap())
        .unwrap();
    let expected = theirs.tensor(name).unwrap();
    let expected = expected
        .data()
        .chunks(4)
        .map(|bytes| value(bytes, DType::F32));
    assert!(values.into_iter().eq(expected));
}

#[test]
fn a_buffer_is_used_again() {
    let compute = compute(2);
    let mut values = Vec::new();
    for len in [5, 3, 9, 0, 2] {
        let content: Vec<u8> = (0..len).flat_map(|at| bits(at, DType::BF16)).collect();
        let catalog = model(DType::BF16, &[len], &content);
        let entry = catalog.get("w").unwrap();
        let fresh = catalog.read_f32(&compute, entry).unwrap();
        catalog
            .read_finite_into(&compute, entry, &mut values)
            .unwrap();
        assert_eq!(values, fresh);
        values.fill(f32::NAN);
        catalog.read_f32_into(&compute, entry, &mut values).unwrap();
        assert_eq!(values, fresh);
    }
}
