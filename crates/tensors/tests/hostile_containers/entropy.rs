//! Damage to entropy-coded parts.

use super::*;

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

/// Offsets of 16 bytes, and the table of the scales: where the factors of the columns begin.
fn factors_at(tensor: &EncodedTensor) -> usize {
    let bytes = &tensor.parts[0].bytes;
    let (mut at, mut sum) = (17, 0u32);
    let mut number = |bytes: &[u8]| {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[at];
            at += 1;
            value |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    while sum < 1 << bytes[16] {
        let frequency = number(bytes);
        sum += frequency;
        if frequency == 0 {
            number(bytes);
        }
    }
    at
}

#[test]
fn factors_of_columns_and_their_tables_are_whole() {
    let tensor = coded(Body::Columns(8), None);
    let at = factors_at(&tensor);
    let bytes = &tensor.parts[0].bytes;
    let (least, width) = (bytes[at], usize::from(bytes[at + 1]));
    let tables = at + 2 + (2000 * width).div_ceil(8);
    let count = bytes[tables];
    assert!(count > 1, "one table would prove little");
    let with = |place: usize, value: u8| {
        let mut changed = tensor.clone();
        part(&mut changed, "coded").bytes[place] = value;
        changed
    };
    refused(&with(at + 1, 9), "factors of 9 bits");
    let beyond = 255 - (1 << width) / 4;
    assert!(least < beyond as u8);
    refused(&with(at, beyond as u8), "is out of range");
    refused(&with(tables, 16), "17 tables of codes");
    refused(&with(tables + 2, 0x7f), "rising order");
    let mut grouped = tensor.clone();
    grouped.record.group = Some(128);
    refused(&grouped, "rows have groups");
    let mut fixed = tensor.clone();
    fixed.record.coded = false;
    refused(&fixed, "codes are not coded");
}

#[test]
fn factors_of_columns_need_version_5() {
    let record = r#"{"shape":[1,1],"dtype":"F32","bits":8,"group":0,"scales":"columns","coded":true,"masked":false,"method":"m","sourceDigest":""}"#;
    refused_file(
        &file(&[("kerf.version", "4"), ("kerf:w", record)], &[]),
        "BAD_CONTAINER",
        "tensor w: its record needs version 5, the file is of version 4",
    );
}
