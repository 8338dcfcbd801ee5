//! Compares every type to the Python package `gguf`. test/golden/make_gguf_goldens.py made the bytes and values.

use super::{Element, Reading};
use safetensors::SafeTensors;
use std::collections::HashSet;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../test/golden/gguf/types.safetensors"
);

#[test]
fn values_are_those_of_the_gguf_package_to_the_bit() {
    let file = std::fs::read(FILE).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    let mut seen = HashSet::new();
    for element in Element::table() {
        let Reading::Blocks(decode) = element.reading else {
            continue;
        };
        let bytes = file.tensor(&format!("{}.blocks", element.name)).unwrap();
        let values = file.tensor(&format!("{}.values", element.name)).unwrap();
        let mut ours = vec![f32::NAN; values.data().len() / 4];
        assert!(ours.len() >= 8 * element.weights, "{}", element.name);
        let blocks = bytes.data().chunks_exact(element.bytes);
        assert_eq!(blocks.len(), ours.len() / element.weights);
        for (block, out) in blocks.zip(ours.chunks_exact_mut(element.weights)) {
            decode(block, out);
        }
        let theirs = values.data().as_chunks::<4>().0.iter();
        for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let theirs = f32::from_le_bytes(*theirs);
            let same = ours.to_bits() == theirs.to_bits();
            assert!(same, "{} weight {at}: {ours} for {theirs}", element.name);
        }
        seen.insert(element.name);
    }
    for name in [
        "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    ] {
        assert!(seen.contains(name), "{name}");
    }
}

#[test]
fn names_and_sizes_are_those_of_the_package() {
    let file = std::fs::read(FILE).unwrap();
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let sizes = header.metadata().as_ref().unwrap()["sizes"].clone();
    let sizes: Vec<(String, u32, usize, usize)> = serde_json::from_str(&sizes).unwrap();
    for (name, id, weights, bytes) in sizes {
        let row = Element::of_id(id).unwrap_or_else(|| panic!("{name} has no row"));
        assert_eq!(
            (row.name, row.weights, row.bytes),
            (name.as_str(), weights, bytes)
        );
    }
    let ids: HashSet<u32> = Element::table().iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), Element::table().len());
}
