//! Files of versions 1 to 5 as they were written once. They are never written again: what they decode to holds for ever.

mod common;

use common::compute;
use kerf_tensors::folder::MemFolder;
use kerf_tensors::kerf::Coding;
use kerf_tensors::{Catalog, DType, EncodedTensor, Grid, QuantizedMatrix, Scales, Values};
use std::sync::Arc;

const EXAMPLE: &[u8] = include_bytes!("golden/v1-example.kerf");
const KINDS: &[u8] = include_bytes!("golden/v1-kinds.kerf");
const TRANSPOSED: &[u8] = include_bytes!("golden/v2-transposed.kerf");
const CODED_EXAMPLE: &[u8] = include_bytes!("golden/v3-example.kerf");
const CODED_KINDS: &[u8] = include_bytes!("golden/v3-kinds.kerf");
const WIDE: &[u8] = include_bytes!("golden/v4-wide.kerf");
const FACTORS: &[u8] = include_bytes!("golden/v5-factors.kerf");
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
fn the_examples_decode_to_what_the_specification_says() {
    for example in [EXAMPLE, CODED_EXAMPLE] {
        decodes_to_the_example(&open(example));
    }
}

fn decodes_to_the_example(catalog: &Catalog) {
    let row_0 = [-4.0, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 14.0];
    let row_1 = [0.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0];
    assert_eq!(values(catalog, "w"), [row_0, row_1].concat());
    assert_eq!(values(catalog, "b"), [1.5]);
    let entry = catalog.get("w").unwrap();
    assert_eq!((entry.dtype, &entry.shape[..]), (DType::F32, &[2, 10][..]));
    let alone = catalog.read_rows_f32(&compute(1), entry, 1..2).unwrap();
    assert_eq!(alone, row_1);
}

#[test]
fn the_specification_shows_the_examples_byte_by_byte() {
    shows(EXAMPLE, 1);
    shows(CODED_EXAMPLE, 2);
}

/// The header and the table of the example that comes as the `place`th.
fn shows(example: &[u8], place: usize) {
    let (header, content) = split(example);
    let shown = SPECIFICATION
        .split("```")
        .nth(2 * place - 1)
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
        .nth(place)
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

#[test]
fn every_kind_of_coded_matrix_decodes_as_it_did() {
    let catalog = open(CODED_KINDS);
    let all = |rows: usize, cols: usize, value: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
        (0..rows * cols)
            .map(|at| value(at / cols, at % cols))
            .collect()
    };
    let masked = all(34, 45, &|r, c| match (r * 3 + c) % 4 {
        0 => {
            ((r + 2 * c) % 8) as f32 * ((r % 7 + 17) << (c / 16 % 3)) as f32 / 64.0
                - 4.0 * ((r % 7 + 17) << (c / 16 % 3)) as f32 / 64.0
        }
        _ => 0.0,
    });
    assert_eq!(values(&catalog, "masked.lattice"), masked);
    let dense = all(34, 45, &|r, c| match r {
        3 => 0.0,
        _ => f32::from(((r * 45 + c) * 37 % 256) as u8 as i8) * (r % 16 + 16) as f32 / 512.0,
    });
    assert_eq!(values(&catalog, "dense.lattice"), dense);
    let signed = all(34, 45, &|r, c| {
        let scale = (r as f32 - 16.0) * (c / 32 + 1) as f32 / 16.0;
        (((r * 45 + c) * 5 % 16) as f32 - 8.0) * scale
    });
    assert_eq!(values(&catalog, "dense.signed"), signed);
    let skewed = all(70, 2000, &|r, c| match (r * 2000 + c) % 97 {
        0 => (((r + c) % 31) as f32 - 15.0) * ((r + c / 128) % 16 + 16) as f32 / 256.0,
        _ => 0.0,
    });
    assert_eq!(values(&catalog, "chunks.skewed"), skewed);
    // Rows of the second chunk of three.
    let entry = catalog.get("chunks.skewed").unwrap();
    let rows = catalog.read_rows_f32(&compute(1), entry, 33..35).unwrap();
    assert_eq!(rows, skewed[33 * 2000..35 * 2000]);
    assert_eq!(values(&catalog, "one.code"), [-1.5; 21]);
    assert_eq!(catalog.get("masked.lattice").unwrap().dtype, DType::BF16);
}

/// Scales far below and above f16: coded with their codes, and as BF16 and F32.
fn wide(name: &str) -> QuantizedMatrix {
    let (scales, digits, step, exponent) = match name {
        "wide.lattice" => (Scales::Float5, 17, 7, -40),
        "wide.bf16" => (Scales::Bf16Product, 17, 7, -60),
        _ => (Scales::F32Product, (1 << 20) + 1, 34, 40),
    };
    let scale = |at: usize| {
        let digits = (digits + at / 3 % step) as f32;
        digits * 2f32.powi((at % 3) as i32 + exponent)
    };
    QuantizedMatrix {
        rows: 34,
        cols: 45,
        mask: None,
        values: Values::Codes {
            grid: Grid {
                scales,
                ..Grid::new(4, 16)
            },
            codes: (0..34 * 45).map(|at| (at * 5 % 16) as i8 - 8).collect(),
            scales: (0..34 * 3).map(scale).collect(),
            columns: Vec::new(),
        },
    }
}

const WIDE_NAMES: [&str; 3] = ["wide.lattice", "wide.bf16", "wide.f32"];

#[test]
fn scales_beyond_f16_decode_as_they_did() {
    let catalog = open(WIDE);
    for name in WIDE_NAMES {
        let entry = catalog.get(name).unwrap();
        let read = catalog.read_matrix(&compute(1), entry).unwrap();
        assert!(read == wide(name), "{name}");
        assert_eq!(values(&catalog, name), read.dequantize(&compute(1).kernels));
        let rows = catalog.read_rows_f32(&compute(1), entry, 33..34).unwrap();
        assert_eq!(rows, values(&catalog, name)[33 * 45..]);
    }
    assert!(
        catalog
            .read_encoded(catalog.get("wide.lattice").unwrap())
            .unwrap()
            .record
            .coded
    );
}

/// Run once, to make the file: `cargo test -p kerf-tensors --test golden -- --ignored`.
#[test]
#[ignore = "writes the golden file of version 4"]
fn write_the_file_of_version_4() {
    let encode = |name: &str| common::encode_in(&compute(1), name, &wide(name), Coding::Entropy);
    let units: Vec<_> = WIDE_NAMES.map(encode).iter().map(common::unit).collect();
    let tensors: Vec<_> = units.iter().map(common::only_tensor).collect();
    let kerf = kerf_tensors::formats::by_id("kerf").unwrap();
    let (folder, _) = common::write_model(&compute(1), kerf, &tensors, u64::MAX);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v4-wide.kerf");
    std::fs::write(
        path,
        kerf_tensors::Folder::read(&folder, "model.kerf").unwrap(),
    )
    .unwrap();
}

/// Two chunks, factors of columns, and codes of two widths.
fn with_factors() -> QuantizedMatrix {
    let (rows, cols) = (90, 1000);
    let code = |at: usize| {
        let width = if at % cols < 500 { 1 } else { 12 };
        ((at / cols * 7 + at % cols * 13) % (2 * width + 1)) as i8 - width as i8
    };
    let factor = |col: usize| {
        let octave = if col < 500 { 4.0 } else { 0.5 };
        (4 + col % 4) as f32 / 4.0 * octave
    };
    QuantizedMatrix {
        rows,
        cols,
        mask: None,
        values: Values::Codes {
            grid: Grid {
                scales: Scales::Columns,
                ..Grid::new(8, 0)
            },
            codes: (0..rows * cols).map(code).collect(),
            scales: (0..rows).map(|row| (16 + row % 16) as f32 / 64.0).collect(),
            columns: (0..cols).map(factor).collect(),
        },
    }
}

#[test]
fn factors_of_columns_decode_as_they_did() {
    let catalog = open(FACTORS);
    let entry = catalog.get("w").unwrap();
    let read = catalog.read_matrix(&compute(1), entry).unwrap();
    assert!(read == with_factors());
    let all = values(&catalog, "w");
    assert_eq!(all, read.dequantize(&compute(1).kernels));
    let Values::Codes {
        codes,
        scales,
        columns,
        ..
    } = &read.values
    else {
        panic!("not codes")
    };
    for (at, value) in all.iter().enumerate() {
        let step = scales[at / 1000] * columns[at % 1000];
        assert_eq!(*value, f32::from(codes[at]) * step);
    }
    let rows = catalog.read_rows_f32(&compute(1), entry, 64..67).unwrap();
    assert_eq!(rows, all[64_000..67_000]);
    // The form in which it runs has them, too.
    let running = catalog.read_compact(&compute(2), entry).unwrap().unwrap();
    let mut same = vec![0.0; all.len()];
    compute(2).compact_values(&running, 0..running.rows(), &mut same);
    assert_eq!(same, all);
}

/// Run once, to make the file: `cargo test --workspace --test golden -- --ignored version_5`.
#[test]
#[ignore = "writes the golden file of version 5"]
fn write_the_file_of_version_5() {
    let encoded = common::encode(&compute(1), "w", &with_factors());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v5-factors.kerf");
    std::fs::write(path, encoded.to_bytes()).unwrap();
}

/// The writer still makes the same bytes of the same matrices.
#[test]
fn encoding_what_was_decoded_gives_the_same_parts() {
    let compute = compute(1);
    let files = [
        EXAMPLE,
        KINDS,
        TRANSPOSED,
        CODED_EXAMPLE,
        CODED_KINDS,
        WIDE,
        FACTORS,
    ];
    for catalog in files.map(open) {
        for entry in &catalog.tensors {
            let Ok(encoded) = catalog.read_encoded(entry) else {
                continue;
            };
            let matrix = encoded.decode(&compute).unwrap();
            let record = &encoded.record;
            let mut again = EncodedTensor::encode_in(
                &compute,
                &entry.name,
                record.dtype,
                &record.method,
                &record.source_digest,
                &matrix,
                if record.coded {
                    Coding::Entropy
                } else {
                    Coding::Fixed
                },
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
