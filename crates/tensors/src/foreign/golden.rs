//! Compares kerf's bytes to those of the reference packages of other formats. test/golden/make_format_goldens.py made the golden
//! files.

use super::{Blocks, Words};
use kerf_kernels::{Isa, Kernels};
use safetensors::SafeTensors;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../test/golden/formats.safetensors"
);

fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|byte| *byte as i8).collect()
}

#[test]
fn packed_words_are_those_of_compressed_tensors() {
    let file = std::fs::read(FILE).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    for kernels in [Kernels::detect(), Kernels::force(Isa::Portable).unwrap()] {
        for (bits, cols) in (2..=8).flat_map(|bits| [(bits, 45), (bits, 64)]) {
            let part = |part: &str| file.tensor(&format!("words.{bits}.{cols}.{part}")).unwrap();
            let (codes, packed) = (part("codes"), part("packed"));
            let words = Words { bits, cols };
            assert_eq!(packed.shape(), [3, words.row_words()]);
            let codes = signed(codes.data());
            assert_eq!(words.encode(&kernels, &codes), packed.data(), "{bits} bits");
            assert_eq!(words.decode(&kernels, packed.data()), codes, "{bits} bits");
        }
    }
}

#[test]
fn blocks_are_those_of_gguf() {
    let file = std::fs::read(FILE).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    for (name, blocks) in [("Q4_0", Blocks::Q4_0), ("Q8_0", Blocks::Q8_0)] {
        let stored = file.tensor(&format!("{name}.blocks")).unwrap();
        assert_eq!(stored.shape(), [4, blocks.row_bytes(96)]);
        let (codes, scales) = blocks.decode(stored.data());
        assert_eq!(blocks.encode(&codes, &scales), stored.data(), "{name}");
        let values = file.tensor(&format!("{name}.values")).unwrap();
        let theirs = values.data().as_chunks::<4>().0.iter();
        let theirs = theirs.map(|four| f32::from_le_bytes(*four));
        let ours = codes.iter().enumerate();
        let ours = ours.map(|(at, code)| f32::from(*code) * scales[at / 32]);
        assert!(ours.eq(theirs), "{name}");
    }
}
