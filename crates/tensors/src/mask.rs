//! Which weights of a matrix are kept: one bit each, rows padded to bytes.

/// A bit for each weight of a matrix. Bit j of row r is bit `j % 8` of byte `r * stride + j / 8`; 1 means kept. Padding bits are
/// 0.
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
    /// A mask that prunes every weight.
    pub fn empty(rows: usize, cols: usize) -> Self {
        let stride = cols.div_ceil(8);
        Self {
            rows,
            cols,
            stride,
            bits: vec![0; rows * stride],
        }
    }

    /// The mask that keeps each weight whose code is not 0. Shape: codes [rows, cols].
    pub fn of_codes(rows: usize, cols: usize, codes: &[i8]) -> Self {
        let mut mask = Self::empty(rows, cols);
        let rows = mask.bits.chunks_mut(mask.stride.max(1));
        for (bits, codes) in rows.zip(codes.chunks(cols.max(1))) {
            let (eights, rest) = codes.as_chunks::<8>();
            for (bits, eight) in bits.iter_mut().zip(eights) {
                *bits = not_zero(*eight);
            }
            if let Some(last) = bits.last_mut().filter(|_| !rest.is_empty()) {
                let mut eight = [0; 8];
                eight[..rest.len()].copy_from_slice(rest);
                *last = not_zero(eight);
            }
        }
        mask
    }

    /// The mask that keeps each weight that is not zero. Shape: w [rows, cols].
    pub fn of_weights(rows: usize, cols: usize, w: &[f32]) -> Self {
        let mut mask = Self::empty(rows, cols);
        let rows = mask.bits.chunks_mut(mask.stride.max(1));
        for (bits, w) in rows.zip(w.chunks(cols.max(1))) {
            for (bits, eight) in bits.iter_mut().zip(w.chunks(8)) {
                let kept = eight.iter().enumerate();
                *bits = kept.fold(0, |bits, (i, w)| bits | u8::from(*w != 0.0) << i);
            }
        }
        mask
    }

    /// The `stride` bytes of one row.
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

    /// Number of kept weights in one row.
    pub fn count_row(&self, row: usize) -> usize {
        count_ones(self.row(row))
    }

    /// Number of kept weights in the matrix.
    pub fn count(&self) -> usize {
        count_ones(&self.bits)
    }
}

/// A byte whose bit i says whether code i is not 0.
fn not_zero(eight: [i8; 8]) -> u8 {
    let bytes = u64::from_le_bytes(eight.map(|code| code as u8));
    let low = 0x7f7f_7f7f_7f7f_7f7f;
    // The highest bit of each byte, moved to its lowest bit.
    let ones = (((bytes & low) + low) | bytes) >> 7 & 0x0101_0101_0101_0101;
    // The product adds byte i shifted by 56 - 7 i bits, which puts its bit at place 56 + i.
    (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
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
