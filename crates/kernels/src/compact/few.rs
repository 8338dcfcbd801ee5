//! Rows that keep the codes that are not 0, and a mask that says where they are.

use super::{BLOCK, SLACK, Width, column};
use crate::{Kernels, Pool};
use std::ops::Range;

/// Rows that one task builds.
const TASK_ROWS: usize = 64;

/// The codes that are not 0, with masks: see the [layout](super).
#[derive(Clone, Debug)]
pub(super) struct Few {
    /// Four or eight bits a code.
    width: Width,
    blocks: usize,
    /// [rows, blocks].
    masks: Vec<u64>,
    /// First code of each row, and the end of the last row.
    starts: Vec<u32>,
    codes: Vec<u8>,
}

/// Some rows while they are built.
#[derive(Default)]
struct Part {
    masks: Vec<u64>,
    ends: Vec<usize>,
    codes: Vec<u8>,
}

impl Few {
    /// Of dense codes [rows, cols]. `None` if the codes take more bytes than 32 bits count.
    pub fn new(pool: &Pool, width: Width, cols: usize, codes: &[i8]) -> Option<Self> {
        let tasks: Vec<&[i8]> = codes.chunks(TASK_ROWS * cols).collect();
        let parts = pool.map(tasks.len(), |index| Part::of(width, cols, tasks[index]));
        let bytes: usize = parts.iter().map(|part| part.codes.len()).sum();
        u32::try_from(bytes).ok()?;
        let rows = codes.len() / cols;
        let blocks = cols.div_ceil(BLOCK);
        let mut few = Self {
            width,
            blocks,
            masks: Vec::with_capacity(rows * blocks),
            starts: Vec::with_capacity(rows + 1),
            codes: Vec::with_capacity(bytes + SLACK),
        };
        few.starts.push(0);
        for part in parts {
            let first = few.codes.len();
            let starts = part.ends.iter().map(|end| (first + end) as u32);
            few.starts.extend(starts);
            few.masks.extend_from_slice(&part.masks);
            few.codes.extend_from_slice(&part.codes);
        }
        few.codes.resize(bytes + SLACK, 0);
        Some(few)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        8 * self.masks.len() + 4 * self.starts.len() + self.codes.len()
    }

    /// How a code is stored.
    pub fn width(&self) -> Width {
        self.width
    }

    /// Spreads the codes of some rows to blocks without masks.
    pub fn spread(&self, kernels: &Kernels, rows: Range<usize>, out: &mut [u8]) {
        let row_bytes = self.blocks * self.width.block_bytes();
        for (row, out) in rows.zip(out.chunks_exact_mut(row_bytes)) {
            let masks = &self.masks[row * self.blocks..][..self.blocks];
            let (start, end) = (self.starts[row] as usize, self.starts[row + 1] as usize);
            let codes = &self.codes[start..end + SLACK];
            match self.width {
                Width::Four => kernels.spread_nibbles(codes, masks, out),
                _ => kernels.spread_bytes(codes, masks, out),
            }
        }
    }
}

impl Part {
    fn of(width: Width, cols: usize, codes: &[i8]) -> Self {
        let mut part = Self::default();
        let mut block = [0; BLOCK];
        for row in codes.chunks_exact(cols) {
            for piece in row.chunks(BLOCK) {
                block[..piece.len()].copy_from_slice(piece);
                block[piece.len()..].fill(0);
                match width {
                    Width::Four => part.push_nibbles(&block),
                    _ => part.push_bytes(&block),
                }
            }
            part.ends.push(part.codes.len());
        }
        part
    }

    fn push_nibbles(&mut self, block: &[i8; BLOCK]) {
        let (mut mask, mut count, mut kept) = (0, 0, [0; BLOCK + 1]);
        for place in 0..BLOCK {
            // Every code is written, and only one that is not 0 stays: a branch could not be predicted.
            let code = block[column(place)];
            kept[count] = code as u8 & 15;
            mask |= u64::from(code != 0) << place;
            count += usize::from(code != 0);
        }
        kept[count] = 0;
        let pairs = kept[..count.next_multiple_of(2)].chunks_exact(2);
        self.codes.extend(pairs.map(|pair| pair[0] | pair[1] << 4));
        self.masks.push(mask);
    }

    fn push_bytes(&mut self, block: &[i8; BLOCK]) {
        let (mut mask, mut count, mut kept) = (0, 0, [0; BLOCK]);
        for (place, code) in block.iter().enumerate() {
            kept[count] = *code as u8;
            mask |= u64::from(*code != 0) << place;
            count += usize::from(*code != 0);
        }
        self.masks.push(mask);
        self.codes.extend_from_slice(&kept[..count]);
    }
}
