//! The kerf container: what goes in comes out, in the size that was promised, whatever the number of threads.

mod common;

use common::{
    Body, Shape, compute, encode, matrix, only_tensor, open, portable, unit, write_model,
};
use kerf_tensors::formats;
use kerf_tensors::kerf::BLOCK_ROWS;
use kerf_tensors::{DType, EncodedTensor, QuantizedMatrix};
use proptest::prelude::*;

fn shapes() -> impl Strategy<Value = Shape> {
    let body = prop_oneof![
        (
            2u8..=8,
            prop_oneof![Just(0usize), Just(32), Just(128), 1usize..200]
        )
            .prop_map(|(bits, group)| Body::Grid(bits, group)),
        prop_oneof![Just(DType::F32), Just(DType::F16), Just(DType::BF16)].prop_map(Body::Float),
    ];
    let pruned = proptest::option::of(prop_oneof![Just(0usize), Just(50), Just(70), Just(100)]);
    (0usize..150, 0usize..150, pruned, body).prop_map(|(rows, cols, pruned, body)| Shape {
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
        let encoded = encode(&compute, "some.weight", &matrix);
        prop_assert_eq!(&encoded.decode(&compute).unwrap(), &matrix);
        let file = unit(&encoded);
        let again = file.read_encoded(&file.tensors[0]).unwrap();
        prop_assert_eq!(&again.record, &encoded.record);
        prop_assert_eq!(again.to_bytes(), encoded.to_bytes());
    }

    #[test]
    fn some_rows_are_the_rows_of_the_whole(shape in shapes(), seed: u64, a: usize, b: usize) {
        let matrix = matrix(shape, seed);
        let compute = compute(1);
        let encoded = encode(&compute, "w", &matrix);
        let kerf = formats::by_id("kerf").unwrap();
        let (folder, _) = write_model(&compute, kerf, &[only_tensor(&unit(&encoded))], u64::MAX);
        let catalog = open(&folder);
        let entry = catalog.get("w").unwrap();
        let whole = matrix.dequantize(&compute.kernels);
        prop_assert_eq!(&catalog.read_f32(&compute, entry).unwrap(), &whole);
        let (a, b) = (a % (shape.rows + 1), b % (shape.rows + 1));
        let (a, b) = (a.min(b), a.max(b));
        let some = catalog.read_rows_f32(&compute, entry, a..b).unwrap();
        prop_assert_eq!(some, &whole[a * shape.cols..b * shape.cols]);
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
        Body::Float(DType::BF16),
    ] {
        for pruned in [None, Some(70)] {
            let matrix = large(pruned, body);
            let expected = encode(&portable(), "w", &matrix);
            for threads in [1, 2, 5] {
                let compute = compute(threads);
                assert_eq!(encode(&compute, "w", &matrix), expected);
                assert_eq!(expected.decode(&compute).unwrap(), matrix);
                let dense = matrix.dequantize(&portable().kernels);
                assert_eq!(matrix.dequantize_on(&compute), dense);
                let mut used = vec![f32::NAN; 2_000_000];
                matrix.dequantize_into(&compute, &mut used);
                assert_eq!(used, dense);
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
    let encoded = encode(&compute(1), "w", &matrix);
    let mask = matrix.mask.as_ref().unwrap();
    let exact_bits = mask.count() * 4 + 384 * 384 + 384 * 3 * 16;
    let bits = encoded.content_bytes() as usize * 8;
    let overhead = (bits - exact_bits) as f64 / (384.0 * 384.0);
    assert!(overhead < 0.005, "{overhead}");
    assert_eq!(BLOCK_ROWS, 32);
}

/// The matrices of the blocks of the shipped sentence model at 70 % and 4 bit, every other tensor as it is: all parts of
/// the matrices and the whole header.
#[test]
fn the_sentence_model_takes_no_more_than_2_36_bits_a_weight() {
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
            body: Body::Grid(4, 128),
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
    assert!(bits <= 2.36, "{bits}");
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
