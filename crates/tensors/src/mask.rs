//! Which weights of a matrix are kept: one bit each, rows padded to bytes.

/// Bit j of row r is bit `j % 8` of byte `r * stride + j / 8`; 1 = kept. Padding bits are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub cols: usize,
    /// Bytes of a row: ceil(cols / 8).
    pub stride: usize,
    /// `rows * stride` bytes.
    pub bits: Vec<u8>,
}

impl Mask {
    /// All pruned.
    pub fn empty(rows: usize, cols: usize) -> Self {
        let stride = cols.div_ceil(8);
        Self {
            rows,
            cols,
            stride,
            bits: vec![0; rows * stride],
        }
    }

    /// The bytes of one row.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.bits[row * self.stride..(row + 1) * self.stride]
    }

    /// Whether a weight is kept.
    pub fn kept(&self, row: usize, col: usize) -> bool {
        self.bits[row * self.stride + col / 8] >> (col % 8) & 1 == 1
    }

    /// Keeps or prunes one weight.
    pub fn set(&mut self, row: usize, col: usize, keep: bool) {
        let byte = &mut self.bits[row * self.stride + col / 8];
        let bit = 1 << (col % 8);
        if keep { *byte |= bit } else { *byte &= !bit }
    }

    /// Kept weights of one row.
    pub fn count_row(&self, row: usize) -> usize {
        count_ones(self.row(row))
    }

    /// Kept weights of the matrix.
    pub fn count(&self) -> usize {
        count_ones(&self.bits)
    }
}

/// Number of set bits.
pub(crate) fn count_ones(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let of_words = words.iter().map(|word| u64::from_le_bytes(*word));
    let of_words: usize = of_words.map(|word| word.count_ones() as usize).sum();
    of_words
        + rest
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum::<usize>()
}
