//! The number types of GGUF files: one row for each type, with its size and its decoder. A block type is one file and one row.
//!
//! Decoded values equal those of the Python package `gguf` to the bit: products and sums are f32, in the same order, and not
//! fused.

mod halves;
mod iq4_nl;
mod iq4_xs;
mod k_scales;
mod q2_k;
mod q3_k;
mod q4_0;
mod q4_1;
mod q4_k;
mod q5_0;
mod q5_1;
mod q5_k;
mod q6_k;
mod q8_0;

use crate::DType;

/// Weights in a block of the K types.
const SUPER: usize = 256;

/// Decodes one block. The slices must have the lengths that the row gives.
type Decode = fn(&[u8], &mut [f32]);

/// How kerf reads a type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// As plain floats of a type.
    Float(DType),
    /// Block by block.
    Blocks(Decode),
    /// Kerf does not read the type.
    No,
}

/// A type: one row of the table.
#[derive(Debug)]
pub(crate) struct Element {
    /// Number of the type in files.
    pub id: u32,
    /// Name of the type in llama.cpp.
    pub name: &'static str,
    /// Weights in a block. 1 for types without blocks.
    pub weights: usize,
    /// Bytes of a block.
    pub bytes: usize,
    pub reading: Reading,
}

/// Two types are equal if their numbers are.
impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

const fn float(id: u32, name: &'static str, bytes: usize, dtype: DType) -> Element {
    let reading = Reading::Float(dtype);
    row(id, name, (1, bytes), reading)
}

/// `block` is the number of weights and the number of bytes of a block.
const fn blocks(id: u32, name: &'static str, block: (usize, usize), decode: Decode) -> Element {
    row(id, name, block, Reading::Blocks(decode))
}

const fn unread(id: u32, name: &'static str, block: (usize, usize)) -> Element {
    row(id, name, block, Reading::No)
}

const fn row(id: u32, name: &'static str, block: (usize, usize), reading: Reading) -> Element {
    Element {
        id,
        name,
        weights: block.0,
        bytes: block.1,
        reading,
    }
}

static TABLE: [Element; 37] = [
    float(0, "F32", 4, DType::F32),
    float(1, "F16", 2, DType::F16),
    float(30, "BF16", 2, DType::BF16),
    blocks(2, "Q4_0", (32, 18), q4_0::decode),
    blocks(3, "Q4_1", (32, 20), q4_1::decode),
    blocks(6, "Q5_0", (32, 22), q5_0::decode),
    blocks(7, "Q5_1", (32, 24), q5_1::decode),
    blocks(8, "Q8_0", (32, 34), q8_0::decode),
    blocks(10, "Q2_K", (SUPER, 84), q2_k::decode),
    blocks(11, "Q3_K", (SUPER, 110), q3_k::decode),
    blocks(12, "Q4_K", (SUPER, 144), q4_k::decode),
    blocks(13, "Q5_K", (SUPER, 176), q5_k::decode),
    blocks(14, "Q6_K", (SUPER, 210), q6_k::decode),
    blocks(20, "IQ4_NL", (32, 18), iq4_nl::decode),
    blocks(23, "IQ4_XS", (SUPER, 136), iq4_xs::decode),
    unread(9, "Q8_1", (32, 40)),
    unread(15, "Q8_K", (SUPER, 292)),
    unread(16, "IQ2_XXS", (SUPER, 66)),
    unread(17, "IQ2_XS", (SUPER, 74)),
    unread(18, "IQ3_XXS", (SUPER, 98)),
    unread(19, "IQ1_S", (SUPER, 50)),
    unread(21, "IQ3_S", (SUPER, 110)),
    unread(22, "IQ2_S", (SUPER, 82)),
    unread(24, "I8", (1, 1)),
    unread(25, "I16", (1, 2)),
    unread(26, "I32", (1, 4)),
    unread(27, "I64", (1, 8)),
    unread(28, "F64", (1, 8)),
    unread(29, "IQ1_M", (SUPER, 56)),
    unread(34, "TQ1_0", (SUPER, 54)),
    unread(35, "TQ2_0", (SUPER, 66)),
    unread(39, "MXFP4", (32, 17)),
    unread(40, "NVFP4", (64, 36)),
    unread(41, "Q1_0", (128, 18)),
    // Layouts for certain processors. llama.cpp has dropped them, but files with them still exist.
    unread(31, "Q4_0_4_4", (32, 18)),
    unread(32, "Q4_0_4_8", (32, 18)),
    unread(33, "Q4_0_8_8", (32, 18)),
];

impl Element {
    /// All types.
    #[cfg(test)]
    pub fn table() -> &'static [Self] {
        &TABLE
    }

    /// The type with a number in files.
    pub fn of_id(id: u32) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.id == id)
    }

    /// The type with a name. Panics if the table does not have it.
    pub fn named(name: &str) -> &'static Self {
        let row = TABLE.iter().find(|row| row.name == name);
        row.expect("a name of the table")
    }

    /// The float type, if this type is one.
    pub fn float(&self) -> Option<DType> {
        match self.reading {
            Reading::Float(dtype) => Some(dtype),
            _ => None,
        }
    }

    /// Whether kerf reads the type.
    pub fn is_read(&self) -> bool {
        !matches!(self.reading, Reading::No)
    }

    /// Names of the types that kerf reads.
    pub fn read_names() -> String {
        let read = TABLE.iter().filter(|row| row.is_read());
        read.map(|row| row.name).collect::<Vec<_>>().join(", ")
    }

    /// Bytes of `rows` rows of `cols` weights. `None` if a row is not a whole number of blocks, or if the size overflows.
    pub fn bytes_of(&self, rows: usize, cols: usize) -> Option<usize> {
        if !cols.is_multiple_of(self.weights) {
            return None;
        }
        let row = (cols / self.weights).checked_mul(self.bytes)?;
        row.checked_mul(rows)
            .filter(|bytes| *bytes <= isize::MAX as usize)
    }
}

/// The little-endian f16 at byte `at` of a block.
fn half(bytes: &[u8], at: usize) -> f32 {
    half::f16::from_bits(u16::from_le_bytes([bytes[at], bytes[at + 1]])).to_f32()
}

#[cfg(test)]
mod tests;
