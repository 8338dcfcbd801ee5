//! Blocks of 32 weights in the layout of llama.cpp: an f16 scale, then the codes.
//!
//! Q4_0: byte k has code k in its low half and code k + 16 in its high half; 8 is added to each code. Q8_0: each code is one
//! signed byte.

use crate::{Grid, Scales};
use half::f16;

/// Number of weights in a block.
pub(crate) const BLOCK: usize = 32;

/// A block type of llama.cpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    Q4_0,
    Q8_0,
}

impl Blocks {
    /// The block type with this grid, if there is one.
    pub fn of(grid: Grid) -> Option<Self> {
        [Self::Q4_0, Self::Q8_0]
            .into_iter()
            .find(|blocks| blocks.grid() == grid)
    }

    pub fn grid(self) -> Grid {
        match self {
            Self::Q4_0 => Grid {
                scales: Scales::Signed,
                ..Grid::new(4, BLOCK)
            },
            Self::Q8_0 => Grid::new(8, BLOCK),
        }
    }

    /// Bytes of one block.
    pub fn bytes(self) -> usize {
        match self {
            Self::Q4_0 => 2 + BLOCK / 2,
            Self::Q8_0 => 2 + BLOCK,
        }
    }

    /// Bytes of one row. `cols` must be a multiple of [`BLOCK`].
    pub fn row_bytes(self, cols: usize) -> usize {
        cols / BLOCK * self.bytes()
    }

    /// Encodes whole blocks, one after the other. Each has 32 codes and one scale.
    pub fn encode(self, codes: &[i8], scales: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(scales.len() * self.bytes());
        for (codes, scale) in codes.chunks_exact(BLOCK).zip(scales) {
            bytes.extend_from_slice(&f16::from_f32(*scale).to_bits().to_le_bytes());
            match self {
                Self::Q4_0 => {
                    let (low, high) = codes.split_at(BLOCK / 2);
                    let nibble = |code: i8| (code + 8) as u8;
                    let pairs = low.iter().zip(high);
                    bytes.extend(pairs.map(|(low, high)| nibble(*low) | nibble(*high) << 4));
                }
                Self::Q8_0 => bytes.extend(codes.iter().map(|code| *code as u8)),
            }
        }
        bytes
    }

    /// Decodes whole blocks to codes and scales.
    pub fn decode(self, bytes: &[u8]) -> (Vec<i8>, Vec<f32>) {
        let blocks = bytes.chunks_exact(self.bytes());
        let mut codes = Vec::with_capacity(blocks.len() * BLOCK);
        let mut scales = Vec::with_capacity(blocks.len());
        for block in blocks {
            scales.push(f16::from_bits(u16::from_le_bytes([block[0], block[1]])).to_f32());
            let body = &block[2..];
            match self {
                Self::Q4_0 => {
                    codes.extend(body.iter().map(|byte| (byte & 15) as i8 - 8));
                    codes.extend(body.iter().map(|byte| (byte >> 4) as i8 - 8));
                }
                Self::Q8_0 => codes.extend(body.iter().map(|byte| *byte as i8)),
            }
        }
        (codes, scales)
    }
}
