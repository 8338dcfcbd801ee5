//! Rows of compressed-tensors' `pack-quantized`. 2^(bits - 1) is added to each code. The codes are packed into little-endian
//! 32-bit words without gaps, beginning with the least significant bit. Each row begins with a new word.

use kerf_kernels::Kernels;

/// The packed rows of one matrix.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub bits: u8,
    pub cols: usize,
}

impl Words {
    /// Number of 32-bit words in a row.
    pub fn row_words(&self) -> usize {
        // The sum is split, because cols * bits could overflow.
        let bits = usize::from(self.bits);
        self.cols / 32 * bits + (self.cols % 32 * bits).div_ceil(32)
    }

    pub fn row_bytes(&self) -> usize {
        self.row_words() * 4
    }

    pub fn encode(&self, kernels: &Kernels, codes: &[i8]) -> Vec<u8> {
        let rows = codes.len() / self.cols.max(1);
        let mut bytes = vec![0; rows * self.row_bytes()];
        let used = (self.cols * usize::from(self.bits)).div_ceil(8);
        let rows = codes.chunks_exact(self.cols.max(1));
        for (codes, out) in rows.zip(bytes.chunks_exact_mut(self.row_bytes().max(1))) {
            kernels.pack_bits(codes, u32::from(self.bits), &mut out[..used]);
        }
        bytes
    }

    /// Decodes whole rows to codes. Like other readers it ignores the bits behind the last code of a row.
    pub fn decode(&self, kernels: &Kernels, bytes: &[u8]) -> Vec<i8> {
        let rows = bytes.len() / self.row_bytes().max(1);
        let mut codes = vec![0; rows * self.cols];
        let used = (self.cols * usize::from(self.bits)).div_ceil(8);
        let rows = bytes.chunks_exact(self.row_bytes().max(1));
        for (bytes, out) in rows.zip(codes.chunks_exact_mut(self.cols.max(1))) {
            kernels.unpack_bits(&bytes[..used], u32::from(self.bits), out);
        }
        codes
    }
}
