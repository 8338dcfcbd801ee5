//! Sizes and places in a matrix that follow from its record alone.

use super::TensorRecord;
use super::coded::Chunks;
use crate::mask::count_ones;
use crate::{DType, Grid, Scales};

/// Rows in a block. `rowptr` has one entry for each block, and the codes of a block start on a byte.
pub const BLOCK_ROWS: usize = 32;
/// Approximate number of weights in one task. A task encodes or decodes whole blocks.
const PANEL_WEIGHTS: usize = 1 << 17;
/// The size of an encoded matrix is a multiple of this, so that the tensor after it is aligned.
const ALIGN_BYTES: usize = 8;

/// The form of the survivors' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Codes and scales.
    Grid(Grid),
    /// Floats.
    Float(DType),
}

/// The layout of a checked record. No product of its sizes overflows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub rows: usize,
    pub cols: usize,
    /// Bytes of a mask row.
    pub stride: usize,
    /// Number of blocks of rows. 0 for a matrix without weights.
    pub blocks: usize,
    pub masked: bool,
    /// Whether the codes are entropy-coded. The mask then follows from the codes.
    pub coded: bool,
    /// Element type of the scales.
    pub scale_dtype: DType,
    pub wide: bool,
    pub body: Body,
}

impl Layout {
    pub(super) fn new(record: &TensorRecord) -> Result<Self, String> {
        let [rows, cols] = record.shape;
        let body = match (record.bits, record.group, record.values) {
            (Some(bits), Some(group_size), None) => {
                if !(2..=8).contains(&bits) {
                    return Err(format!("{bits} bits, where 2 to 8 are possible"));
                }
                Body::Grid(Grid {
                    bits,
                    group_size,
                    scales: record.scales,
                })
            }
            (None, None, Some(dtype)) if dtype.is_computable() => Body::Float(dtype),
            _ => return Err("its record is neither of codes nor of floats".into()),
        };
        if record.coded && matches!(body, Body::Float(_)) {
            return Err("its record says that floats are coded".into());
        }
        if record.scales == Scales::Columns && !(record.coded && record.group == Some(0)) {
            return Err("factors of columns, where codes are not coded or rows have groups".into());
        }
        let scale_dtype = match (record.wide, body) {
            (false, _) => DType::F16,
            (true, Body::Grid(grid)) => grid
                .scales
                .wide()
                .ok_or("its record says that scales are wide which never are")?,
            (true, Body::Float(_)) => {
                return Err("its record says that scales are wide, and it has none".into());
            }
        };
        if !record.dtype.is_computable() {
            return Err(format!("a source of {}", record.dtype.name()));
        }
        // No size below exceeds eight bytes for each weight. If this product does not overflow, no other does.
        let weights = rows.checked_mul(cols).and_then(|n| n.checked_mul(8));
        let rounded = rows.checked_add(BLOCK_ROWS).and(cols.checked_add(8));
        if weights.is_none_or(|bytes| bytes > isize::MAX as usize) || rounded.is_none() {
            return Err(format!("shape {rows} x {cols} is too large"));
        }
        let is_empty = rows == 0 || cols == 0;
        Ok(Self {
            rows,
            cols,
            stride: cols.div_ceil(8),
            blocks: if is_empty {
                0
            } else {
                rows.div_ceil(BLOCK_ROWS)
            },
            masked: record.masked,
            coded: record.coded,
            scale_dtype,
            wide: record.wide,
            body,
        })
    }

    pub(super) fn weights(&self) -> usize {
        self.rows * self.cols
    }

    /// The rows of a block.
    pub(super) fn block_rows(&self, block: usize) -> std::ops::Range<usize> {
        block * BLOCK_ROWS..self.rows.min((block + 1) * BLOCK_ROWS)
    }

    /// Number of blocks in one task. It depends on the shape alone.
    pub(super) fn panel_blocks(&self) -> usize {
        (PANEL_WEIGHTS / (BLOCK_ROWS * self.cols.max(1))).max(1)
    }

    /// Number of tasks.
    pub(super) fn panels(&self) -> usize {
        self.blocks.div_ceil(self.panel_blocks())
    }

    /// The blocks of a task.
    pub(super) fn panel(&self, panel: usize) -> std::ops::Range<usize> {
        let size = self.panel_blocks();
        panel * size..self.blocks.min((panel + 1) * size)
    }

    /// Element type of `rowptr` and of the chunks' offsets. It is U64 only if a count may exceed u32.
    pub(super) fn count_dtype(&self) -> DType {
        match u32::try_from(self.weights()) {
            Ok(_) => DType::U32,
            Err(_) => DType::U64,
        }
    }

    pub(super) fn groups(&self) -> usize {
        match self.body {
            Body::Grid(grid) => grid.groups(self.cols),
            Body::Float(_) => 0,
        }
    }

    /// Whether the part with the codes holds the scales too.
    pub(super) fn scales_coded(&self) -> bool {
        let coded = |grid: Grid| matches!(grid.scales, Scales::Float5 | Scales::Columns);
        self.coded && matches!(self.body, Body::Grid(grid) if coded(grid))
    }

    /// Bytes of the codes or values of a block with `count` survivors.
    pub(super) fn body_bytes(&self, count: usize) -> usize {
        match self.body {
            // The sum is split, because count * bits could overflow.
            Body::Grid(grid) => {
                let bits = usize::from(grid.bits);
                count / 8 * bits + (count % 8 * bits).div_ceil(8)
            }
            Body::Float(dtype) => count * (dtype.bits() / 8) as usize,
        }
    }

    /// Byte offset of each block in the codes or values, and the end of the last block.
    pub(super) fn offsets(&self, counts: &[usize]) -> Vec<usize> {
        let mut offsets = Vec::with_capacity(counts.len() + 1);
        let mut end = 0;
        offsets.push(end);
        for &count in counts {
            end += self.body_bytes(count);
            offsets.push(end);
        }
        offsets
    }

    /// Length of the part with codes or values whose blocks take `body_bytes`. Codes are padded, so that the size of the whole
    /// matrix is a multiple of eight bytes. Floats are not padded.
    pub(super) fn padded(&self, body_bytes: usize) -> usize {
        if matches!(self.body, Body::Float(_)) {
            return body_bytes;
        }
        let others = self.known_bytes();
        let body_bytes = match self.coded {
            true => body_bytes.max(Chunks::new(self).least_bytes()),
            false => body_bytes,
        };
        (others + body_bytes).next_multiple_of(ALIGN_BYTES) - others
    }

    /// Total bytes of the parts whose length follows from the record.
    fn known_bytes(&self) -> usize {
        let bytes = |(_, dtype, shape): &(&str, DType, Option<Vec<usize>>)| {
            let elements: usize = shape.as_ref()?.iter().product();
            Some(elements * (dtype.bits() / 8) as usize)
        };
        self.parts().iter().filter_map(bytes).sum()
    }

    /// Total bytes of all parts of a matrix in fixed coding. `counts` is the number of survivors in each block.
    pub(super) fn part_bytes(&self, counts: &[usize]) -> u64 {
        let body_bytes = counts.iter().map(|count| self.body_bytes(*count)).sum();
        let body = match self.body {
            Body::Float(_) if !self.masked => 0, // `known_bytes` counts it already.
            _ => self.padded(body_bytes),
        };
        (self.known_bytes() + body) as u64
    }

    /// Name, element type and shape of each part, in their order in the file. The shape is `None` for the one part whose length
    /// depends on the content. Parts with wide elements come first, so that each part is aligned.
    pub(super) fn parts(&self) -> Vec<(&'static str, DType, Option<Vec<usize>>)> {
        let mut parts = Vec::with_capacity(4);
        let masked = self.masked && !self.coded;
        if masked {
            parts.push(("rowptr", self.count_dtype(), Some(vec![self.blocks + 1])));
        }
        match self.body {
            Body::Grid(_) if self.scales_coded() => {}
            Body::Grid(_) => {
                let shape = vec![self.rows, self.groups()];
                parts.push(("scales", self.scale_dtype, Some(shape)));
            }
            Body::Float(dtype) => {
                let shape = (!self.masked).then(|| vec![self.weights()]);
                parts.push(("values", dtype, shape));
            }
        }
        if masked {
            parts.push(("mask", DType::U8, Some(vec![self.rows, self.stride])));
        }
        if let Body::Grid(_) = self.body {
            let name = if self.coded { "coded" } else { "codes" };
            parts.push((name, DType::U8, None));
        }
        parts
    }

    /// Number of weights in each block.
    pub(super) fn full_counts(&self) -> Vec<usize> {
        let count = |block| self.block_rows(block).len() * self.cols;
        (0..self.blocks).map(count).collect()
    }

    /// Number of survivors in each block, counted in the mask.
    pub(super) fn mask_counts(&self, mask: &[u8]) -> Vec<usize> {
        let block_bytes = BLOCK_ROWS * self.stride;
        match block_bytes {
            0 => Vec::new(),
            _ => mask.chunks(block_bytes).map(count_ones).collect(),
        }
    }
}
