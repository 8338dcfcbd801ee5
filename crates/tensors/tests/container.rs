//! The kerf container: what goes in comes out, in the size that was promised, whatever the number of threads.

mod common;

use common::{
    Body, Shape, compute, encode, encode_in, matrix, only_tensor, open, portable, unit,
    without_zero_survivors, write_model,
};
use kerf_tensors::formats;
use kerf_tensors::kerf::{BLOCK_ROWS, Coding};
use kerf_tensors::{DType, EncodedTensor, QuantizedMatrix};
use proptest::prelude::*;

fn shapes() -> impl Strategy<Value = Shape> {
    let grid = || {
        (
            2u8..=8,
            prop_oneof![Just(0usize), Just(32), Just(128), 1usize..200],
        )
    };
    let body = prop_oneof![
        grid().prop_map(|(bits, group)| Body::Grid(bits, group)),
        grid().prop_map(|(bits, group)| Body::Lattice(bits, group)),
        (2u8..=8).prop_map(Body::Columns),
        prop_oneof![Just(DType::F32), Just(DType::F16), Just(DType::BF16)].prop_map(Body::Float),
    ];
    let pruned = prop_oneof![Just(0usize), Just(50), Just(70), Just(99), Just(100)];
    let pruned = proptest::option::of(pruned);
    // Rows of several chunks, now and then.
    let cols = prop_oneof![9 => 0usize..150, 1 => 1000usize..3000];
    (0usize..150, cols, pruned, body).prop_map(|(rows, cols, pruned, body)| Shape {
        rows,
        cols,
        pruned,
        body,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_gives_what_was_encoded(shape in shapes(), seed: u64) {
        let matrix = matrix(shape, seed);
        let compute = compute(1);
        let mut bytes = Vec::new();
        for coding in [Coding::Fixed, Coding::Entropy] {
            let encoded = encode_in(&compute, "some.weight", &matrix, coding);
            let expected = match encoded.record.coded {
                true => without_zero_survivors(&matrix),
                false => matrix.clone(),
            };
            prop_assert!(encoded.decode(&compute).unwrap() == expected, "{:?}", coding);
            let mut values = vec![f32::NAN; 7];
            encoded.decode_values(&compute, &mut values).unwrap();
            prop_assert!(values == matrix.dequantize(&compute.kernels), "{:?}", coding);
            let mut narrow = vec![0; values.len()];
            compute.kernels.f32_to_bf16(&values, &mut narrow);
            let mut decoded = vec![1; 7];
            encoded.decode_bf16(&compute, &mut decoded).unwrap();
            prop_assert!(decoded == narrow, "{:?}", coding);
            let file = unit(&encoded);
            let again = file.read_encoded(&file.tensors[0]).unwrap();
            prop_assert_eq!(&again.record, &encoded.record);
            prop_assert_eq!(again.to_bytes(), encoded.to_bytes());
            bytes.push(encoded.content_bytes());
        }
        // The smaller one is written.
        let chosen = encode(&compute, "some.weight", &matrix).content_bytes();
        prop_assert_eq!(Some(&chosen), bytes.iter().min());
    }

    #[test]
    fn some_rows_are_the_rows_of_the_whole(shape in shapes(), seed: u64, a: usize, b: usize) {
        let matrix = matrix(shape, seed);
        let compute = compute(1);
        let whole = matrix.dequantize(&compute.kernels);
        let (a, b) = (a % (shape.rows + 1), b % (shape.rows + 1));
        let (a, b) = (a.min(b), a.max(b));
        for coding in [Coding::Fixed, Coding::Entropy] {
            let encoded = encode_in(&compute, "w", &matrix, coding);
            let kerf = formats::by_id("kerf").unwrap();
            let unit = unit(&encoded);
            let tensors = [only_tensor(&unit)];
            let (folder, _) = write_model(&compute, kerf, &tensors, u64::MAX);
            let catalog = open(&folder);
            let entry = catalog.get("w").unwrap();
            prop_assert!(catalog.read_f32(&compute, entry).unwrap() == whole);
            let some = catalog.read_rows_f32(&compute, entry, a..b).unwrap();
            prop_assert!(some == whole[a * shape.cols..b * shape.cols]);
        }
    }
}

fn large(pruned: Option<usize>, body: Body) -> QuantizedMatrix {
    let shape = Shape {
        rows: 1000,
        cols: 1001,
        pruned,
        body,
    };
    matrix(shape, 7)
}

#[test]
fn any_number_of_threads_and_any_instruction_set_gives_the_same_bytes() {
    for body in [
        Body::Grid(4, 128),
        Body::Grid(3, 0),
        Body::Lattice(4, 128),
        Body::Lattice(8, 0),
        Body::Float(DType::BF16),
    ] {
        for pruned in [None, Some(70)] {
            // Decoding gives the same again.
            let matrix = without_zero_survivors(&large(pruned, body));
            let expected = encode(&portable(), "w", &matrix);
            for threads in [1, 2, 5] {
                let compute = compute(threads);
                assert!(encode(&compute, "w", &matrix) == expected);
                assert!(expected.decode(&compute).unwrap() == matrix);
                let dense = matrix.dequantize(&portable().kernels);
                assert!(matrix.dequantize_on(&compute) == dense);
                let mut used = vec![f32::NAN; 2_000_000];
                matrix.dequantize_into(&compute, &mut used);
                assert!(used == dense);
            }
        }
    }
}

#[test]
fn dequantized_values_are_codes_times_scales() {
    let shape = Shape {
        rows: 3,
        cols: 300,
        pruned: Some(60),
        body: Body::Grid(4, 128),
    };
    let matrix = matrix(shape, 3);
    let kerf_tensors::Values::Codes { codes, scales, .. } = &matrix.values else {
        unreachable!()
    };
    let dense = matrix.dequantize(&compute(1).kernels);
    for (at, value) in dense.iter().enumerate() {
        let (row, col) = (at / 300, at % 300);
        assert_eq!(*value, f32::from(codes[at]) * scales[row * 3 + col / 128]);
    }
}

#[test]
fn random_access_costs_less_than_a_two_hundredth_of_a_bit() {
    let shape = Shape {
        rows: 384,
        cols: 384,
        pruned: Some(70),
        body: Body::Grid(4, 128),
    };
    let matrix = matrix(shape, 1);
    let encoded = encode_in(&compute(1), "w", &matrix, Coding::Fixed);
    let mask = matrix.mask.as_ref().unwrap();
    let exact_bits = mask.count() * 4 + 384 * 384 + 384 * 3 * 16;
    let bits = encoded.content_bytes() as usize * 8;
    let overhead = (bits - exact_bits) as f64 / (384.0 * 384.0);
    assert!(overhead < 0.005, "{overhead}");
    assert_eq!(BLOCK_ROWS, 32);
}

fn entropy<T: Ord + Copy>(symbols: &[T]) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    symbols
        .iter()
        .for_each(|symbol| *counts.entry(*symbol).or_insert(0u32) += 1);
    let bits = |count: &u32| f64::from(*count) * (symbols.len() as f64 / f64::from(*count)).log2();
    counts.values().map(bits).sum()
}

#[test]
fn entropy_coding_costs_less_than_a_hundredth_more_than_the_entropy() {
    for (rows, cols) in [(384, 384), (1536, 384), (384, 1536)] {
        for (bits, pruned) in [
            (4, Some(70)),
            (4, None),
            (3, Some(80)),
            (8, Some(70)),
            (5, None),
        ] {
            let body = Body::Lattice(bits, 128);
            let matrix = matrix(
                Shape {
                    rows,
                    cols,
                    pruned,
                    body,
                },
                1,
            );
            let encoded = encode(&compute(1), "w", &matrix);
            let kerf_tensors::Values::Codes { codes, scales, .. } = &matrix.values else {
                unreachable!()
            };
            let scales: Vec<u32> = scales.iter().map(|scale| scale.to_bits()).collect();
            let least = 1.01 * entropy(codes) + entropy(&scales) * 1.05;
            let actual = encoded.content_bytes() as f64 * 8.0;
            assert!(
                actual <= least,
                "{rows} x {cols}, {bits} bits: {actual} of {least}"
            );
        }
    }
}

/// Nothing but one code, or nearly so, takes hardly more than its least bytes.
#[test]
fn skewed_matrices_are_small_and_come_back() {
    for (bits, pruned) in [(2, 100), (8, 100), (4, 99), (8, 99)] {
        let body = Body::Lattice(bits, 128);
        let shape = Shape {
            rows: 600,
            cols: 700,
            pruned: Some(pruned),
            body,
        };
        let mut matrix = without_zero_survivors(&matrix(shape, 9));
        let kerf_tensors::Values::Codes { codes, scales, .. } = &mut matrix.values else {
            unreachable!()
        };
        scales.fill(0.25);
        let least = (entropy(codes) / 8.0 * 1.1).max(420_000.0 / 256.0) + 900.0;
        let encoded = encode(&compute(1), "w", &matrix);
        let bytes = encoded.content_bytes();
        assert!(
            (bytes as f64) < least,
            "{bits} bits, {pruned} %: {bytes} of {least}"
        );
        assert!(encoded.decode(&compute(1)).unwrap() == matrix);
    }
}

/// The matrices of the blocks of the shipped sentence model at 70 % and 4 bit, every other tensor as it is: all parts of
/// the matrices and the whole header.
#[test]
fn the_sentence_model_takes_no_more_than_2_06_bits_a_weight() {
    let Some(path) = common::shared("all-MiniLM-L6-v2") else {
        return;
    };
    let compute = compute(2);
    let source = kerf_tensors::Catalog::open_path(&path).unwrap();
    let is_target = |entry: &kerf_tensors::TensorEntry| {
        entry.shape.len() == 2 && entry.name.starts_with("encoder.layer.")
    };
    let mut encoded = Vec::new();
    for (seed, entry) in source
        .tensors
        .iter()
        .filter(|entry| is_target(entry))
        .enumerate()
    {
        let [rows, cols] = entry.shape[..] else {
            unreachable!()
        };
        let shape = Shape {
            rows,
            cols,
            pruned: Some(70),
            body: Body::Lattice(4, 128),
        };
        encoded.push(encode(&compute, &entry.name, &matrix(shape, seed as u64)));
    }
    let units: Vec<_> = encoded.iter().map(unit).collect();
    let mut outgoing: Vec<_> = units.iter().map(only_tensor).collect();
    let rest = source.tensors.iter().filter(|entry| !is_target(entry));
    outgoing.extend(rest.map(|entry| (&source, entry)));
    let kerf = formats::by_id("kerf").unwrap();
    let (folder, files) = write_model(&compute, kerf, &outgoing, u64::MAX);
    let weights: usize = encoded
        .iter()
        .map(|tensor| tensor.record.shape.iter().product::<usize>())
        .sum();
    let content: u64 = encoded.iter().map(EncodedTensor::content_bytes).sum();
    let header = files[0].header.len() as u64;
    let bits = (content + header) as f64 * 8.0 / weights as f64;
    println!(
        "{bits:.4} bits a weight: {content} bytes of content, {header} of header, {weights} weights"
    );
    assert!(bits <= 2.06, "{bits}");
    let catalog = open(&folder);
    assert_eq!(catalog.form, "kerf");
    assert_eq!(catalog.tensors.len(), source.tensors.len());
    for entry in &source.tensors {
        let ours = catalog.get(&entry.name).unwrap();
        assert_eq!((ours.dtype, &ours.shape), (entry.dtype, &entry.shape));
        if !is_target(entry) {
            assert_eq!(
                catalog.read_bytes(ours).unwrap(),
                source.read_bytes(entry).unwrap()
            );
        }
    }
}
