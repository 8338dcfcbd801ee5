//! Every promise of the container specification, broken once.

mod common;

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
    for version in ["5", "0", "1.1", "", "01", "02"] {
        refused_file(
            &file(&[("kerf.version", version)], &[]),
            "CONTAINER_VERSION",
            "reads up to 4",
        );
    }
    let without = file(&[("kerf:w", "{}")], &[]);
    refused_file(&without, "BAD_HEADER", "no kerf.version");
    for version in ["1", "2", "3", "4"] {
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

/// 70 x 2000 in three chunks: offsets are 16 bytes.
fn coded(body: Body, pruned: Option<usize>) -> EncodedTensor {
    let shape = Shape {
        rows: 70,
        cols: 2000,
        pruned,
        body,
    };
    let matrix = common::without_zero_survivors(&matrix(shape, 5));
    common::encode_in(&compute(1), "layer.0.weight", &matrix, Coding::Entropy)
}

fn offset(tensor: &EncodedTensor, entry: usize) -> usize {
    let bytes = tensor.parts[0].bytes[entry * 4..][..4].try_into().unwrap();
    u32::from_le_bytes(bytes) as usize
}

/// A coded matrix whose part is changed.
fn with_coded(change: impl Fn(&EncodedTensor, &mut Vec<u8>)) -> EncodedTensor {
    let tensor = coded(Body::Lattice(4, 128), Some(70));
    let mut changed = tensor.clone();
    let part = part(&mut changed, "coded");
    change(&tensor, &mut part.bytes);
    part.shape = vec![part.bytes.len()];
    changed
}

#[test]
fn offsets_of_chunks_rise_and_stay_in_the_part() {
    let set = |entry: usize, value: u32| {
        with_coded(|_, bytes| bytes[entry * 4..][..4].copy_from_slice(&value.to_le_bytes()))
    };
    refused(&set(0, 15), "chunk offset 0 is out of range");
    refused(&set(1, 17), "chunk offset 1 is out of range");
    refused(&set(2, u32::MAX), "chunk offset 2 is out of range");
    let end = |add: i64| {
        with_coded(move |tensor, bytes| {
            let end = (offset(tensor, 3) as i64 + add) as u32;
            bytes[12..16].copy_from_slice(&end.to_le_bytes());
        })
    };
    refused(&end(-64), "its coded weights take");
    refused(&with_coded(|_, bytes| bytes.truncate(8)), "too few");
    refused(
        &with_coded(|_, bytes| bytes.extend([0; 8])),
        "its coded weights take",
    );
    let short = with_coded(|_, bytes| bytes.truncate(bytes.len() - 8));
    refused(&short, "chunk offset 3 is out of range");
}

#[test]
fn tables_are_whole() {
    let at = |place: usize, value: u8| with_coded(move |_, bytes| bytes[16 + place] = value);
    refused(&at(0, 11), "a table of 11 bits");
    refused(&at(0, 17), "a table of 17 bits");
    refused(&at(1, 1), "4096");
    let code_table = |place: i64, value: u8| {
        with_coded(move |tensor, bytes| {
            bytes[(offset(tensor, 0) as i64 + place) as usize] = value;
        })
    };
    refused(&code_table(-1, 0x85), "a table is cut off");
    let room = with_coded(|tensor, bytes| {
        let first = offset(tensor, 0);
        for entry in 0..4 {
            let moved = offset(tensor, entry) as u32 + 8;
            bytes[entry * 4..][..4].copy_from_slice(&moved.to_le_bytes());
        }
        bytes.splice(first..first, [0; 8]);
    });
    refused(&room, "8 bytes between its tables and chunks");
}

#[test]
fn streams_end_as_they_began() {
    let in_chunk = |chunk: usize, place: i64, flip: u8| {
        with_coded(move |tensor, bytes| {
            bytes[(offset(tensor, chunk) as i64 + place) as usize] ^= flip;
        })
    };
    refused(&in_chunk(1, 8, 0x10), "chunk 1: it");
    refused(&in_chunk(2, 2000, 0xff), "chunk 2: it");
    // The state of a lane below 2^16.
    let state = with_coded(|tensor, bytes| bytes[offset(tensor, 0) + 2..][..2].fill(0));
    refused(&state, "chunk 0: a state that is too small");
    // A border between chunks that is moved by a word, and by a byte.
    let border = |by: u32| {
        with_coded(move |tensor, bytes| {
            let moved = offset(tensor, 1) as u32 - by;
            bytes[4..8].copy_from_slice(&moved.to_le_bytes());
        })
    };
    refused(&border(2), "chunk 0: it is cut off");
    refused(&border(1), "chunk 0: half a word at its end");
    let mut kept = coded(Body::Lattice(4, 128), Some(70));
    *kept.record.kept.as_mut().unwrap() += 1;
    refused(&kept, "weights survive, its record says");
}

#[test]
fn padding_of_a_coded_part_is_zero_and_its_size_has_a_bound() {
    // Nothing but zeros: a byte for 256 weights, most of it padding.
    let mut zeros = coded(Body::Lattice(4, 0), Some(100));
    let coded = part(&mut zeros, "coded");
    assert_eq!(
        coded.bytes.len(),
        (70usize * 2000).div_ceil(256).next_multiple_of(8)
    );
    *coded.bytes.last_mut().unwrap() = 1;
    refused(&zeros, "padding after the coded weights is not zero");
    let coded = part(&mut zeros, "coded");
    coded.bytes.truncate(coded.bytes.len() - 8);
    coded.shape = vec![coded.bytes.len()];
    refused(&zeros, "its coded weights take");
}

#[test]
fn coded_records_fit_their_parts() {
    let with = |change: &dyn Fn(&mut kerf::TensorRecord)| {
        let mut tensor = coded(Body::Lattice(4, 128), Some(70));
        change(&mut tensor.record);
        tensor
    };
    refused(&with(&|record| record.coded = false), "part");
    refused(
        &with(&|record| record.scales = Default::default()),
        "part scales is missing",
    );
    refused(&with(&|record| record.bits = Some(3)), "symbols");
    refused(
        &with(&|record| record.shape = [1 << 40, 2000]),
        "coded weights",
    );
    refused(&with(&|record| record.shape = [1, 1 << 40]), "chunk offset");
    refused(&with(&|record| record.shape = [69, 2000]), "chunk 2: it");
    let mut floats = encoded(Body::Float(DType::F32), None);
    floats.record.coded = true;
    refused(&floats, "floats are coded");
    // A scale of a fixed part that is not `Float5`.
    let mut scales = encoded(Body::Lattice(4, 8), Some(70));
    part(&mut scales, "scales").bytes[..2].copy_from_slice(&0x3c01u16.to_le_bytes());
    refused(&scales, "scale 0 is 1.0009766");
}

#[test]
fn coded_matrices_need_version_3() {
    for field in [r#""coded":true"#, r#""scales":"lattice""#] {
        let record = format!(
            r#"{{"shape":[1,1],"dtype":"F32","bits":4,"group":0,{field},"masked":false,"method":"m","sourceDigest":""}}"#
        );
        refused_file(
            &file(&[("kerf.version", "2"), ("kerf:w", &record)], &[]),
            "BAD_CONTAINER",
            "tensor w: its record needs version 3, the file is of version 2",
        );
    }
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
