//! Files of versions 1 and 2 as they were written once. They are never written again: what they decode to holds for ever.

mod common;

use common::compute;
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, DType, EncodedTensor};
use std::sync::Arc;

const EXAMPLE: &[u8] = include_bytes!("golden/v1-example.kerf");
const KINDS: &[u8] = include_bytes!("golden/v1-kinds.kerf");
const TRANSPOSED: &[u8] = include_bytes!("golden/v2-transposed.kerf");
const SPECIFICATION: &str = include_str!("../../../docs/format.md");

fn open(bytes: &[u8]) -> Catalog {
    let folder = MemFolder::new("golden");
    folder.insert("model.kerf", bytes);
    Catalog::open(Arc::new(folder)).unwrap()
}

fn values(catalog: &Catalog, name: &str) -> Vec<f32> {
    let entry = catalog.get(name).unwrap();
    catalog.read_f32(&compute(1), entry).unwrap()
}

/// Header text and content of a file.
fn split(file: &[u8]) -> (&[u8], &[u8]) {
    let (len, rest) = file.split_at(8);
    rest.split_at(u64::from_le_bytes(len.try_into().unwrap()) as usize)
}

#[test]
fn the_example_decodes_to_what_the_specification_says() {
    let catalog = open(EXAMPLE);
    let row_0 = [-4.0, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 14.0];
    let row_1 = [0.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0];
    assert_eq!(values(&catalog, "w"), [row_0, row_1].concat());
    assert_eq!(values(&catalog, "b"), [1.5]);
    let entry = catalog.get("w").unwrap();
    assert_eq!((entry.dtype, &entry.shape[..]), (DType::F32, &[2, 10][..]));
    let alone = catalog.read_rows_f32(&compute(1), entry, 1..2).unwrap();
    assert_eq!(alone, row_1);
}

#[test]
fn the_specification_shows_the_example_byte_by_byte() {
    let (header, content) = split(EXAMPLE);
    let shown = SPECIFICATION
        .split("```")
        .nth(1)
        .unwrap()
        .strip_prefix("json")
        .unwrap();
    let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
    assert_eq!(
        shown,
        serde_json::from_slice::<serde_json::Value>(header).unwrap()
    );
    let mut bytes = Vec::new();
    let table = SPECIFICATION
        .split("| offset | bytes | what |")
        .nth(1)
        .unwrap();
    for line in table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("|---"))
    {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let offset: usize = cells.next().unwrap().parse().unwrap();
        assert_eq!(offset, bytes.len());
        let hex = cells.next().unwrap().trim_matches('`');
        bytes.extend(
            hex.split(' ')
                .map(|byte| u8::from_str_radix(byte, 16).unwrap()),
        );
    }
    assert_eq!(bytes, content);
}

#[test]
fn every_kind_of_matrix_decodes_as_it_did() {
    let catalog = open(KINDS);
    let kept = |at: usize| (at / 5 * 3 + at % 5).is_multiple_of(4);
    let masked = |value: &dyn Fn(usize) -> f32| -> Vec<f32> {
        (0..170)
            .map(|at| if kept(at) { value(at) } else { 0.0 })
            .collect()
    };
    let grid = masked(&|at| {
        let (row, col) = (at / 5, at % 5);
        ((row + 2 * col) % 8) as f32 * (row as f32 + 1.0) / 8.0 - (row as f32 + 1.0) / 2.0
    });
    assert_eq!(values(&catalog, "masked.grid"), grid);
    let dense = |at: usize| (at * 5 % 32) as f32 - 16.0;
    let scale = |at: usize| (at / 5 * 3 + at % 5 / 2) as f32 / 16.0;
    let expected: Vec<_> = (0..170).map(|at| dense(at) * scale(at)).collect();
    assert_eq!(values(&catalog, "dense.grid"), expected);
    let float = |at: usize| at as f32 - 80.0;
    assert_eq!(values(&catalog, "masked.f32"), masked(&float));
    assert_eq!(values(&catalog, "masked.bf16"), masked(&float));
    assert_eq!(
        values(&catalog, "dense.f16"),
        (0..170).map(float).collect::<Vec<_>>()
    );
    assert_eq!(values(&catalog, "plain"), [1.5]);
    assert_eq!(catalog.get("dense.grid").unwrap().dtype, DType::F16);
    assert_eq!(catalog.tensors.len(), 6);
}

#[test]
fn a_transposed_matrix_decodes_to_the_layout_of_its_source() {
    let catalog = open(TRANSPOSED);
    let entry = catalog.get("turned").unwrap();
    assert_eq!(entry.shape, [4, 3]);
    // The matrix is [3, 4], in groups of two columns: one output a row.
    let scales = [[0.5, 1.0], [2.0, 0.25], [4.0, 8.0]];
    let value = |row: usize, col: usize| match (row * 4 + col) % 3 {
        0 => 0.0,
        _ => ((row * 4 + col) as f32 - 6.0) * scales[row][col / 2],
    };
    let expected: Vec<f32> = (0..12).map(|at| value(at % 3, at / 3)).collect();
    assert_eq!(values(&catalog, "turned"), expected);
    let rows = catalog.read_rows_f32(&compute(1), entry, 1..3).unwrap();
    assert_eq!(rows, expected[3..9]);
}

/// The writer still makes the same bytes of the same matrices.
#[test]
fn encoding_what_was_decoded_gives_the_same_parts() {
    let compute = compute(1);
    for catalog in [open(EXAMPLE), open(KINDS), open(TRANSPOSED)] {
        for entry in &catalog.tensors {
            let Ok(encoded) = catalog.read_encoded(entry) else {
                continue;
            };
            let matrix = encoded.decode(&compute).unwrap();
            let record = &encoded.record;
            let mut again = EncodedTensor::encode(
                &compute,
                &entry.name,
                record.dtype,
                &record.method,
                &record.source_digest,
                &matrix,
            );
            if record.transposed {
                again = again.for_transposed_source();
            }
            assert_eq!(again.record, encoded.record);
            for part in &again.parts {
                let stored = encoded.parts.iter().find(|stored| stored.part == part.part);
                assert_eq!(stored, Some(part), "{}", entry.name);
            }
        }
    }
}
