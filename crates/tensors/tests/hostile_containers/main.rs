//! Every promise of the container specification, broken once.

#[path = "../common/mod.rs"]
mod common;
mod entropy;

use common::{Body, Shape, compute, matrix, only_tensor, open, unit, write_model};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::formats;
use kerf_tensors::kerf::{self, Coding, EncodedPart};
use kerf_tensors::safetensors::{OutTensor, plan_files};
use kerf_tensors::{Catalog, DType, EncodedTensor, TensorsError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// 70 x 21: three blocks, padding bits in every mask row.
fn encoded(body: Body, pruned: Option<usize>) -> EncodedTensor {
    let shape = Shape {
        rows: 70,
        cols: 21,
        pruned,
        body,
    };
    let matrix = matrix(shape, 5);
    common::encode_in(&compute(1), "layer.0.weight", &matrix, Coding::Fixed)
}

fn grid() -> EncodedTensor {
    encoded(Body::Grid(3, 8), Some(70))
}

fn part<'a>(tensor: &'a mut EncodedTensor, name: &str) -> &'a mut EncodedPart {
    tensor
        .parts
        .iter_mut()
        .find(|part| part.part == name)
        .unwrap()
}

/// The tensor is refused with this reason, decoded at once and as a model.
fn refused(tensor: &EncodedTensor, fragment: &str) {
    let from_model = || {
        let folder = MemFolder::new("m");
        folder.insert("model.kerf", tensor.to_bytes());
        let catalog = Catalog::open(Arc::new(folder))?;
        catalog.read_f32(&compute(1), &catalog.tensors[0]).map(drop)
    };
    for result in [tensor.decode(&compute(1)).map(drop), from_model()] {
        let error = result.expect_err(fragment);
        assert_eq!(error.code(), "BAD_CONTAINER", "{error}");
        assert_eq!(error.data().details["tensor"], "layer.0.weight");
        let text = error.to_string();
        assert!(
            text.contains(fragment),
            "{text:?} does not contain {fragment:?}"
        );
    }
}

#[test]
fn masks_and_counts_agree() {
    let mut tensor = grid();
    part(&mut tensor, "mask").bits_of_padding();
    refused(&tensor, "padding bits of the mask are set in row 1");
    let mut tensor = grid();
    part(&mut tensor, "mask").bytes[0] ^= 1;
    refused(&tensor, "rowptr[1]");
    let mut tensor = grid();
    part(&mut tensor, "rowptr").bytes[0] = 1;
    refused(&tensor, "rowptr[0] is 1");
    let mut tensor = grid();
    part(&mut tensor, "rowptr").bytes[12] ^= 1;
    refused(&tensor, "rowptr[3]");
    let mut tensor = grid();
    part(&mut tensor, "rowptr").bytes[7] = 0xff;
    refused(&tensor, "rowptr[1]");
}

trait Padding {
    fn bits_of_padding(&mut self);
}

impl Padding for EncodedPart {
    /// Sets a padding bit of the second row.
    fn bits_of_padding(&mut self) {
        self.bytes[2 * 3 - 1] |= 0x80;
    }
}

#[test]
fn codes_have_the_length_that_the_counts_need() {
    let mut tensor = grid();
    let codes = part(&mut tensor, "codes");
    codes.bytes.extend([0; 8]);
    codes.shape = vec![codes.bytes.len()];
    refused(&tensor, "its survivors");
    let mut tensor = grid();
    let codes = part(&mut tensor, "codes");
    codes.bytes.clear();
    codes.shape = vec![0];
    refused(&tensor, "take 0 bytes");
    let mut tensor = encoded(Body::Float(DType::F16), Some(50));
    let values = part(&mut tensor, "values");
    values.bytes.truncate(values.bytes.len() - 2);
    values.shape[0] -= 1;
    refused(&tensor, "its survivors");
}

#[test]
fn padding_is_zero() {
    let (mut after, mut between) = (false, false);
    for seed in 0..20 {
        let shape = Shape {
            rows: 40,
            cols: 21,
            pruned: Some(70),
            body: Body::Grid(3, 8),
        };
        let matrix = matrix(shape, seed);
        let mask = matrix.mask.as_ref().unwrap();
        let counts = [0..32, 32..40].map(|rows| rows.map(|row| mask.count_row(row)).sum::<usize>());
        let [first, second] = counts.map(|count| (count * 3).div_ceil(8));
        let tensor = common::encode_in(&compute(1), "layer.0.weight", &matrix, Coding::Fixed);
        if counts[0] * 3 % 8 != 0 {
            let mut tensor = tensor.clone();
            part(&mut tensor, "codes").bytes[first - 1] |= 0x80;
            refused(&tensor, "padding bits of the codes are set in block 0");
            between = true;
        }
        let mut tensor = tensor;
        if let Some(byte) = part(&mut tensor, "codes").bytes.get_mut(first + second) {
            *byte = 1;
            refused(&tensor, "padding after the codes is not zero");
            after = true;
        }
    }
    assert!(after && between);
}

#[test]
fn scales_and_values_are_numbers() {
    for (bits, shown) in [
        (0x7c00u16, "inf"),
        (0xfc00, "-inf"),
        (0x7e00, "NaN"),
        (0xbc00, "-1"),
        (0x8000, "-0"),
    ] {
        let mut tensor = grid();
        part(&mut tensor, "scales").bytes[4..6].copy_from_slice(&bits.to_le_bytes());
        refused(&tensor, &format!("scale 2 is {shown}"));
    }
    let mut tensor = encoded(Body::Float(DType::BF16), None);
    part(&mut tensor, "values").bytes[2..4].copy_from_slice(&0x7f80u16.to_le_bytes());
    refused(&tensor, "value 1 of block 0 is inf");
}

#[test]
fn parts_are_those_of_the_record() {
    for name in ["rowptr", "scales", "mask", "codes"] {
        let mut tensor = grid();
        tensor.parts.retain(|part| part.part != name);
        refused(&tensor, &format!("part {name} is missing"));
    }
    let mut tensor = grid();
    tensor.parts.push(EncodedPart {
        part: "values",
        dtype: DType::F16,
        shape: vec![0],
        bytes: vec![],
    });
    refused(&tensor, "part values does not belong");
    let mut tensor = grid();
    part(&mut tensor, "scales").dtype = DType::BF16;
    refused(&tensor, "part scales is BF16");
    let mut tensor = grid();
    part(&mut tensor, "mask").shape = vec![3, 70];
    refused(&tensor, "part mask is U8 [3, 70]");
    let mut tensor = grid();
    part(&mut tensor, "codes").shape.push(1);
    refused(&tensor, "part codes");
}

#[test]
fn records_are_possible() {
    let with = |change: &dyn Fn(&mut kerf::TensorRecord)| {
        let mut tensor = grid();
        change(&mut tensor.record);
        tensor
    };
    refused(&with(&|record| record.bits = Some(1)), "1 bits");
    refused(&with(&|record| record.bits = Some(9)), "9 bits");
    refused(
        &with(&|record| record.bits = None),
        "neither of codes nor of floats",
    );
    refused(&with(&|record| record.values = Some(DType::F16)), "neither");
    refused(
        &with(&|record| record.dtype = DType::I64),
        "a source of I64",
    );
    refused(
        &with(&|record| record.shape = [usize::MAX, usize::MAX]),
        "too large",
    );
    refused(
        &with(&|record| record.shape = [1 << 40, 1 << 40]),
        "too large",
    );
    refused(&with(&|record| record.shape = [1 << 50, 0]), "part");
    refused(&with(&|record| record.shape = [71, 21]), "part");
    refused(&with(&|record| record.group = Some(1)), "part scales");
    refused(&with(&|record| record.masked = false), "part");
    let mut floats = encoded(Body::Float(DType::F32), None);
    floats.record.shape = [1 << 50, 1];
    refused(&floats, "part values");
    floats.record.values = Some(DType::U8);
    refused(&floats, "neither");
}

/// A container with these metadata and one U8 tensor of each name.
fn file(metadata: &[(&str, &str)], tensors: &[&str]) -> MemFolder {
    let metadata: BTreeMap<_, _> = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let tensors = tensors.iter().map(|name| OutTensor {
        name: (*name).to_owned(),
        dtype: DType::U8,
        shape: vec![1],
    });
    let tensors: Vec<_> = tensors.collect();
    let mut bytes = plan_files(
        "m",
        "kerf",
        &[(tensors.clone(), BTreeMap::new())],
        &metadata,
        u64::MAX,
    )
    .files
    .remove(0)
    .header;
    bytes.resize(bytes.len() + tensors.len(), 0);
    let folder = MemFolder::new("m");
    folder.insert("model.kerf", bytes);
    folder
}

fn refused_file(folder: &MemFolder, code: &str, fragment: &str) {
    let error: TensorsError = Catalog::open(Arc::new(folder.clone())).expect_err(fragment);
    assert_eq!(error.code(), code, "{error}");
    let text = error.to_string();
    assert!(
        text.contains(fragment),
        "{text:?} does not contain {fragment:?}"
    );
    assert!(text.contains("m/model.kerf"), "{text}");
}

#[test]
fn other_versions_are_refused() {
    for version in ["6", "0", "1.1", "", "01", "02"] {
        refused_file(
            &file(&[("kerf.version", version)], &[]),
            "CONTAINER_VERSION",
            "reads up to 5",
        );
    }
    let without = file(&[("kerf:w", "{}")], &[]);
    refused_file(&without, "BAD_HEADER", "no kerf.version");
    for version in ["1", "2", "3", "4", "5"] {
        assert_eq!(
            open(&file(&[("kerf.version", version)], &["a"])).form,
            "kerf"
        );
    }
}

#[test]
fn a_transposed_matrix_needs_version_2() {
    let record = r#"{"shape":[1,1],"dtype":"F32","bits":4,"group":0,"masked":false,"transposed":true,"method":"m","sourceDigest":""}"#;
    refused_file(
        &file(&[("kerf.version", "1"), ("kerf:w", record)], &[]),
        "BAD_CONTAINER",
        "tensor w: its record needs version 2, the file is of version 1",
    );
}

#[test]
fn records_and_parts_come_together() {
    let version = ("kerf.version", "1");
    let orphan = file(&[version], &["w.kerf.mask"]);
    refused_file(
        &orphan,
        "BAD_CONTAINER",
        "tensor w: there are parts of it, but no record",
    );
    let damaged = file(&[version, ("kerf:w", "{")], &["a"]);
    refused_file(&damaged, "BAD_CONTAINER", "tensor w: its record is damaged");
    let record = r#"{"shape":[1,1],"dtype":"F99","bits":4,"group":0,"masked":false,"method":"m","sourceSha256":""}"#;
    refused_file(
        &file(&[version, ("kerf:w", record)], &[]),
        "BAD_CONTAINER",
        "unknown variant `F99`",
    );
    let record = record.replace("F99", "F32");
    refused_file(
        &file(&[version, ("kerf:w", &record)], &[]),
        "BAD_CONTAINER",
        "tensor w: part scales is missing",
    );
    let named = file(&[version], &["w.kerf.unknown"]);
    assert!(open(&named).contains("w.kerf.unknown"));
}

#[test]
fn a_name_is_taken_once() {
    let folder = MemFolder::new("m");
    let kerf = formats::by_id("kerf").unwrap();
    let tensor = grid();
    let compute = compute(1);
    let (first, _) = write_model(&compute, kerf, &[only_tensor(&unit(&tensor))], u64::MAX);
    let plain = file(&[("kerf.version", "1")], &["layer.0.weight"]);
    for (file, from) in [("a.kerf", &first), ("b.kerf", &plain)] {
        folder.insert(
            file,
            kerf_tensors::Folder::read(from, "model.kerf").unwrap(),
        );
    }
    let error = Catalog::open(Arc::new(folder)).unwrap_err();
    assert_eq!(error.code(), "BAD_CONTAINER");
    assert!(
        error
            .to_string()
            .contains("layer.0.weight: it is stored twice")
    );
}

#[test]
fn rows_of_a_damaged_matrix_are_refused_too() {
    let mut tensor = grid();
    part(&mut tensor, "rowptr").bytes[4..8].copy_from_slice(&[0xff; 4]);
    let kerf = formats::by_id("kerf").unwrap();
    let compute = compute(1);
    let (folder, _) = write_model(&compute, kerf, &[only_tensor(&unit(&tensor))], u64::MAX);
    let catalog = open(&folder);
    let entry = &catalog.tensors[0];
    let error = catalog.read_rows_f32(&compute, entry, 40..41).unwrap_err();
    assert_eq!(error.code(), "BAD_CONTAINER");
    assert!(
        error.to_string().contains("rowptr[1] is out of range"),
        "{error}"
    );
    let error = catalog.read_rows_f32(&compute, entry, 70..71).unwrap_err();
    assert_eq!(error.code(), "WRONG_SHAPE");
    let mut tensor = grid();
    let codes = part(&mut tensor, "codes");
    codes.bytes.truncate(8);
    codes.shape = vec![8];
    let (folder, _) = write_model(&compute, kerf, &[only_tensor(&unit(&tensor))], u64::MAX);
    let catalog = open(&folder);
    let error = catalog
        .read_rows_f32(&compute, &catalog.tensors[0], 69..70)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("part codes is too short for its rows"),
        "{error}"
    );
}
