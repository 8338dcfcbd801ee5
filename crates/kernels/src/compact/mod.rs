//! The product x W^T straight from codes: the form in which a compressed matrix runs.
//!
//! A decoded token needs every weight once, so it takes as long as the bytes of the weights take to come from memory. A
//! [`CompactMatrix`] keeps about the bytes of the file: a code of 4 or 8 bits a weight and a scale a group, or the survivors of a
//! mask alone, or bf16.
//!
//! # Layout
//!
//! A row is cut into blocks of [`BLOCK`] = 64 columns; behind the last column there are zeros. Rows follow one another, the first on
//! a cache line. Numbers are little-endian, codes are in two's complement.
//!
//! | weights | a block | bytes a weight |
//! |---|---|---|
//! | codes -8 to 7 | 32 bytes. Column 16 k + i is nibble k of 16-bit word i | 1/2 |
//! | codes -128 to 127 | 64 bytes in the order of the columns | 1 |
//! | bf16 | 64 bf16 in the order of the columns | 2 |
//! | codes -8 to 7, a share z of them 0 | a mask of 64 bits in the order of the nibbles above; the codes that are not 0 in that order, two a byte, the first of each block in a byte of its own | 1/8 + (1 - z)/2 + about 1/256 |
//! | codes -128 to 127, a share z of them 0 | a mask of 64 bits in the order of the columns; the codes that are not 0, a byte each | 1/8 + (1 - z) |
//!
//! Masks pay where the machine spreads codes as fast as memory gives them, which takes AVX-512 with VBMI2. Elsewhere every code is
//! stored, the zeros too.
//!
//! Masks, codes and scales are three arrays. A scale is one f32 for each row and group of a multiple of 64 columns: 1/32 byte a weight in
//! groups of 128. A row with a mask has the place of its first code too, 4 bytes.
//!
//! Columns may have a factor each, one f32 a column. For few tokens it multiplies the inputs instead of the weights.
//!
//! # Few tokens and many
//!
//! For few tokens the codes of some rows are spread (if they have a mask) into the first-level cache, turned to f32 in registers and
//! multiplied with all tokens. Each result is the sum over the groups of a row: the scale times the sum of code times input. So it
//! differs from the product of decoded weights by rounding alone. It depends neither on the other tokens nor on threads.
//!
//! For many tokens some rows at a time are decoded to f32, and the dense product follows; or the nonzeros of the matrix are, and the
//! sparse product follows. The bits are those that the same product gives for the decoded matrix.

mod few;
mod matrix;
mod product;

pub use matrix::CompactMatrix;

/// Columns of a block.
pub(crate) const BLOCK: usize = 64;
/// Bytes behind the last code that has a mask, so that kernels may read whole blocks.
pub(crate) const SLACK: usize = 64;

/// How a weight of a block is stored, once masks are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// 4-bit codes.
    Four,
    /// 8-bit codes.
    Eight,
    /// bf16.
    Sixteen,
}

impl Width {
    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Four => BLOCK / 2,
            Self::Eight => BLOCK,
            Self::Sixteen => 2 * BLOCK,
        }
    }
}

/// Some rows without masks, as kernels get them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompactRows<'a> {
    /// How a weight is stored.
    pub width: Width,
    /// Number of rows.
    pub rows: usize,
    /// Blocks of a row.
    pub blocks: usize,
    /// Blocks that share a scale; the last group of a row may have fewer. At least 1.
    pub group: usize,
    /// [rows, blocks] blocks.
    pub codes: &'a [u8],
    /// [rows, groups]; empty for bf16, which has none.
    pub scales: &'a [f32],
}

impl CompactRows<'_> {
    /// Groups of a row.
    pub fn groups(&self) -> usize {
        self.blocks.div_ceil(self.group)
    }

    /// Panics unless the slices have the lengths that the shape says: the memory safety of kernels rests on it.
    #[inline(always)]
    pub fn check(&self) {
        let scales = match self.width {
            Width::Sixteen => 0,
            _ => self.rows * self.groups(),
        };
        let codes = self.rows * self.blocks * self.width.block_bytes();
        assert!(self.group > 0 && self.codes.len() >= codes && self.scales.len() >= scales);
    }
}

/// Column within its block of a nibble, by its place: nibble `place % 4` of word `place / 4`.
pub(crate) const fn column(place: usize) -> usize {
    16 * (place % 4) + place / 4
}
