//! The battery that every row of the format table passes, and what is special to each.

mod common;
mod quantized;

use common::{
    Body, Outgoing, Shape, compute, encode, encode_in, matrix, only_tensor, open, unit, write_model,
};
use kerf_tensors::folder::{MemFolder, MemOutFolder};
use kerf_tensors::formats::{self, Format, ModelInfo, NothingReplaced, Output};
use kerf_tensors::kerf::Coding;
use kerf_tensors::safetensors::{OutTensor, PlannedFile, plan_files};
use kerf_tensors::{
    Catalog, DType, EncodedTensor, Folder, OutFolder, Stored, TensorsError, transpose,
};
use std::collections::{BTreeMap, BTreeSet};

/// A source model: plain tensors of several types and odd sizes, in an order that is not that of alignment.
fn source() -> MemFolder {
    let tensors = [
        ("embed", DType::BF16, vec![7, 5]),
        ("odd", DType::U8, vec![3]),
        ("norm", DType::F32, vec![5]),
        ("half", DType::F16, vec![1]),
        ("empty", DType::F32, vec![0, 4]),
        ("steps", DType::I64, vec![]),
        ("bias", DType::F32, vec![3]),
    ];
    let tensors = tensors.map(|(name, dtype, shape)| OutTensor {
        name: name.into(),
        dtype,
        shape,
    });
    let units: Vec<_> = tensors.map(|tensor| (vec![tensor], BTreeMap::new())).into();
    let plan = plan_files("model", "safetensors", &units, &BTreeMap::new(), u64::MAX);
    let file = &plan.files[0];
    let mut bytes = file.header.clone();
    // Bytes below 0x70 make finite numbers of every type.
    bytes.extend((0..file.len_bytes() - bytes.len() as u64).map(|at| (at * 37 % 0x70) as u8));
    let folder = MemFolder::new("source");
    folder.insert("model.safetensors", bytes);
    folder
}

/// Solved matrices of every kind.
fn solved() -> Vec<EncodedTensor> {
    let compute = compute(1);
    let bodies = [
        (Body::Grid(4, 16), Some(70)),
        (Body::Grid(3, 0), None),
        (Body::Float(DType::F16), Some(50)),
        (Body::Float(DType::F32), Some(70)),
        (Body::Float(DType::F32), None),
    ];
    let shape = |(body, pruned)| Shape {
        rows: 33,
        cols: 19,
        pruned,
        body,
    };
    let encoded = bodies.into_iter().enumerate().map(|(at, kind)| {
        encode(
            &compute,
            &format!("block.{at}.weight"),
            &matrix(shape(kind), at as u64),
        )
    });
    let mut encoded: Vec<EncodedTensor> = encoded.collect();
    let turned = encode(&compute, "turned.weight", &matrix(shape(bodies[0]), 9));
    encoded.push(turned.for_transposed_source());
    encoded
}

fn outgoing<'a>(source: &'a Catalog, units: &'a [Catalog]) -> Vec<Outgoing<'a>> {
    let mut tensors: Vec<_> = source.tensors.iter().map(|entry| (source, entry)).collect();
    for (at, unit) in units.iter().enumerate() {
        tensors.insert(at * 2 + 1, only_tensor(unit));
    }
    tensors
}

/// Every tensor starts at a multiple of its element size (of what is wide enough to have one).
fn check_alignment(files: &[PlannedFile]) {
    for file in files {
        let mut at = file.header.len() as u64;
        assert_eq!(at % 8, 0);
        for tensor in &file.tensors {
            assert_eq!(
                at % (tensor.dtype.bits() / 8),
                0,
                "{} in {}",
                tensor.name,
                file.file
            );
            at += tensor.len_bytes();
        }
    }
}

/// The same tensors, with the same values, whatever the form.
fn check_content(model: &Catalog, source: &Catalog, solved: &[EncodedTensor]) {
    let compute = compute(2);
    assert_eq!(model.tensors.len(), source.tensors.len() + solved.len());
    for entry in &source.tensors {
        let ours = model.get(&entry.name).unwrap();
        assert_eq!((ours.dtype, &ours.shape), (entry.dtype, &entry.shape));
        assert_eq!(
            model.read_bytes(ours).unwrap(),
            source.read_bytes(entry).unwrap()
        );
    }
    for tensor in solved {
        let entry = model.get(&tensor.name).unwrap();
        assert_eq!(
            (entry.dtype, &entry.shape[..]),
            (DType::F32, &tensor.record.source_shape()[..])
        );
        let decoded = tensor.decode(&compute).unwrap();
        let mut expected = decoded.dequantize(&compute.kernels);
        if tensor.record.transposed {
            assert_eq!(entry.shape, [19, 33]);
            expected = transpose(&compute, &expected, 33, 19);
        }
        assert_eq!(model.read_f32(&compute, entry).unwrap(), expected);
        let rows = model.read_rows_f32(&compute, entry, 16..19).unwrap();
        let cols = entry.shape[1];
        assert_eq!(rows, &expected[16 * cols..19 * cols]);
    }
}

fn battery(format: &'static dyn Format) {
    let source = open(&source());
    let solved = solved();
    let units: Vec<_> = solved.iter().map(unit).collect();
    let tensors = outgoing(&source, &units);
    for max_file_bytes in [u64::MAX, 3000, 1] {
        let (folder, files) = write_model(&compute(1), format, &tensors, max_file_bytes);
        assert_eq!(
            files.len() > 1,
            max_file_bytes != u64::MAX,
            "{}",
            format.id()
        );
        check_alignment(&files);
        for file in &files {
            let stored = folder.open(&file.file).unwrap().len_bytes();
            assert_eq!(stored, file.len_bytes());
            // Any tool that knows safetensors lists it.
            let bytes = folder.read(&file.file).unwrap();
            let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let names: BTreeSet<_> = theirs.names().into_iter().map(str::to_owned).collect();
            let planned = file.tensors.iter().map(|tensor| tensor.name.clone());
            assert_eq!(names, planned.collect());
        }
        let model = open(&folder);
        assert_eq!(model.form, format.form());
        assert_eq!(model.shards.len(), files.len());
        check_content(&model, &source, &solved);
        let (again, _) = write_model(&compute(3), format, &tensors, max_file_bytes);
        assert_eq!(
            open(&again).fingerprint().unwrap(),
            model.fingerprint().unwrap()
        );
        // What was written can be written again, in any form.
        for other in formats::table().iter().filter(|format| !format.rounds()) {
            let tensors: Vec<_> = model.tensors.iter().map(|entry| (&model, entry)).collect();
            let (folder, _) = write_model(&compute(1), *other, &tensors, u64::MAX);
            check_content(&open(&folder), &source, &solved);
        }
    }
}

#[test]
fn every_format_keeps_its_promises() {
    let ids: BTreeSet<_> = formats::table().iter().map(|format| format.id()).collect();
    assert_eq!(ids.len(), formats::table().len(), "ids are unique");
    for format in formats::table() {
        match format.rounds() {
            false => battery(*format),
            true => quantized::battery(*format),
        }
        quantized::magnitudes(*format);
        assert_eq!(formats::by_id(format.id()).unwrap().id(), format.id());
    }
    assert!(formats::by_id("gguf").is_none());
}

/// Readers of older versions go on reading what does not need more.
#[test]
fn a_file_is_of_the_lowest_version_that_holds_its_matrices() {
    let kerf = formats::by_id("kerf").unwrap();
    let mut solved = solved();
    let matrix = solved[0].decode(&compute(1)).unwrap();
    for coding in [Coding::Fixed, Coding::Entropy] {
        let plain = encode_in(&compute(1), &format!("plain.{coding:?}"), &matrix, coding);
        let turned = encode_in(&compute(1), &format!("turned.{coding:?}"), &matrix, coding);
        solved.extend([plain, turned.for_transposed_source()]);
    }
    let units: Vec<_> = solved.iter().map(unit).collect();
    let tensors: Vec<_> = units.iter().map(only_tensor).collect();
    let (folder, files) = write_model(&compute(1), kerf, &tensors, 1);
    let mut versions = BTreeSet::new();
    for file in files {
        let bytes = folder.read(&file.file).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let version = &header.metadata().as_ref().unwrap()["kerf.version"];
        let name = &file.tensors[0].name;
        let coded = file
            .tensors
            .iter()
            .any(|part| part.name.ends_with(".coded"));
        let lowest = match (coded, name.starts_with("turned")) {
            (true, _) => "3",
            (false, true) => "2",
            _ => "1",
        };
        assert_eq!(version, lowest, "{name}");
        versions.insert(version.clone());
    }
    assert_eq!(versions.len(), 3);
    let model = open(&folder);
    let (again, _) = write_model(
        &compute(1),
        kerf,
        &[(&model, model.get("turned.weight").unwrap())],
        u64::MAX,
    );
    assert_eq!(open(&again).get("turned.weight").unwrap().shape, [19, 33]);
}

#[test]
fn a_matrix_and_its_parts_stay_in_one_file() {
    let source = open(&source());
    let solved = solved();
    let units: Vec<_> = solved.iter().map(unit).collect();
    let kerf = formats::by_id("kerf").unwrap();
    let (folder, _) = write_model(&compute(1), kerf, &outgoing(&source, &units), 1);
    let model = open(&folder);
    for entry in &model.tensors {
        if let Stored::Packed { parts, .. } = &entry.stored {
            assert!(parts.iter().all(|part| part.3.shard == parts[0].3.shard));
        }
    }
    assert!(
        folder
            .list()
            .unwrap()
            .contains(&"model.kerf.index.json".to_owned())
    );
}

#[test]
fn dense_values_are_rounded_to_the_type_of_the_source() {
    let compute = compute(1);
    let shape = Shape {
        rows: 9,
        cols: 33,
        pruned: Some(50),
        body: Body::Float(DType::F32),
    };
    let matrix = matrix(shape, 1);
    let dense = formats::by_id("safetensors").unwrap();
    for dtype in [DType::F16, DType::BF16] {
        let tensor = EncodedTensor::encode(&compute, "w", dtype, "obs", "", &matrix);
        let unit = unit(&tensor);
        let (folder, _) = write_model(&compute, dense, &[only_tensor(&unit)], u64::MAX);
        let model = open(&folder);
        let values = model.read_f32(&compute, model.get("w").unwrap()).unwrap();
        for (value, exact) in values.iter().zip(matrix.dequantize(&compute.kernels)) {
            let rounded = match dtype {
                DType::F16 => half::f16::from_f32(exact).to_f32(),
                _ => half::bf16::from_f32(exact).to_f32(),
            };
            assert_eq!(*value, rounded);
        }
    }
}

#[test]
fn dense_files_say_that_their_layout_is_that_of_pytorch() {
    let source = open(&source());
    let tensors: Vec<_> = source
        .tensors
        .iter()
        .map(|entry| (&source, entry))
        .collect();
    let dense = formats::by_id("safetensors").unwrap();
    let (folder, _) = write_model(&compute(1), dense, &tensors, u64::MAX);
    assert_eq!(open(&folder).metadata["format"], "pt");
}

#[test]
fn names_that_a_container_reserves_are_refused_before_anything_is_written() {
    let tensor = OutTensor {
        name: "w.kerf.mask".into(),
        dtype: DType::U8,
        shape: vec![1],
    };
    let unit = (vec![tensor], BTreeMap::new());
    let plan = plan_files("model", "safetensors", &[unit], &BTreeMap::new(), u64::MAX);
    let folder = MemFolder::new("source");
    folder.insert(
        "model.safetensors",
        [&plan.files[0].header[..], &[7]].concat(),
    );
    let source = open(&folder);
    let model_info = ModelInfo::default();
    let check = |id| formats::by_id(id).unwrap().check(&source, &model_info);
    let error = check("kerf").unwrap_err();
    assert_eq!(error.code(), "RESERVED_NAME");
    assert_eq!(error.data().details["tensor"], "w.kerf.mask");
    assert!(check("safetensors").is_ok());
}

#[test]
fn a_result_keeps_what_was_said_of_the_model_but_not_of_another_version() {
    let source = open(&source());
    let metadata = [("kerf.options", "{}"), ("kerf.version", "0")];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let kerf = formats::by_id("kerf").unwrap();
    let model_info = ModelInfo::default();
    let output = Output::plan(
        &source,
        &model_info,
        kerf,
        &NothingReplaced,
        metadata.into(),
        u64::MAX,
        false,
    );
    let output = output.unwrap();
    let folder = MemFolder::new("out");
    let mut out = Box::new(MemOutFolder::create(&folder).unwrap());
    let mut told = 0;
    let count = &mut |_: &str, bytes: u64| -> Result<(), TensorsError> {
        told += bytes;
        Ok(())
    };
    output.write(&compute(1), out.as_mut(), count).unwrap();
    out.commit().unwrap();
    let model = open(&folder);
    assert_eq!(model.metadata["kerf.options"], "{}");
    assert_eq!(model.metadata["kerf.version"], "1");
    assert_eq!((told, output.total_bytes()), (model.bytes(), model.bytes()));
}
