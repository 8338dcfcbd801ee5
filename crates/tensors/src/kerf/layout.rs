//! Sizes and places that follow from a record alone.

use super::TensorRecord;
use super::coded::Chunks;
use crate::mask::count_ones;
use crate::{DType, Grid, Scales};

/// Rows between two entries of `rowptr`; the codes of a block of rows start on a byte.
pub const BLOCK_ROWS: usize = 32;
/// Weights that one task encodes or decodes: whole blocks, about this many weights.
const PANEL_WEIGHTS: usize = 1 << 17;
/// An encoded matrix takes a multiple of this, so that what follows it is aligned.
const ALIGN_BYTES: usize = 8;

/// How the values of the survivors are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Codes and scales.
    Grid(Grid),
    /// Floats.
    Float(DType),
}

/// A checked record: no product of its sizes overflows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub rows: usize,
    pub cols: usize,
    /// Bytes of a mask row.
    pub stride: usize,
    /// Blocks of rows; 0 for a matrix without weights.
    pub blocks: usize,
    pub masked: bool,
    /// Whether codes are entropy-coded: the mask is then in them.
    pub coded: bool,
    /// Element type of scales, and whether they go beyond f16.
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
        // Eight bytes a weight is more than anything here takes: with this product every other is in range too.
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

    /// Rows of a block.
    pub(super) fn block_rows(&self, block: usize) -> std::ops::Range<usize> {
        block * BLOCK_ROWS..self.rows.min((block + 1) * BLOCK_ROWS)
    }

    /// Blocks that one task handles. Depends on the shape alone.
    pub(super) fn panel_blocks(&self) -> usize {
        (PANEL_WEIGHTS / (BLOCK_ROWS * self.cols.max(1))).max(1)
    }

    /// Number of tasks.
    pub(super) fn panels(&self) -> usize {
        self.blocks.div_ceil(self.panel_blocks())
    }

    /// Blocks of a task.
    pub(super) fn panel(&self, panel: usize) -> std::ops::Range<usize> {
        let size = self.panel_blocks();
        panel * size..self.blocks.min((panel + 1) * size)
    }

    /// Element type of `rowptr` and of offsets: wide only if a count could need it.
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

    /// Whether scales are in the part with the codes.
    pub(super) fn scales_coded(&self) -> bool {
        self.coded && matches!(self.body, Body::Grid(grid) if grid.scales == Scales::Float5)
    }

    /// Bytes of the codes or values of a block with `count` survivors.
    pub(super) fn body_bytes(&self, count: usize) -> usize {
        match self.body {
            // In this order, since count * bits could overflow where eight bytes a weight do not.
            Body::Grid(grid) => {
                let bits = usize::from(grid.bits);
                count / 8 * bits + (count % 8 * bits).div_ceil(8)
            }
            Body::Float(dtype) => count * (dtype.bits() / 8) as usize,
        }
    }

    /// Start of every block in the codes or values, in bytes, and their end.
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

    /// Length of the codes or values part whose blocks take `body_bytes`: codes are padded so that the whole matrix takes
    /// a multiple of eight bytes; floats are not.
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

    /// Bytes of the parts whose length does not depend on the content.
    fn known_bytes(&self) -> usize {
        let bytes = |(_, dtype, shape): &(&str, DType, Option<Vec<usize>>)| {
            let elements: usize = shape.as_ref()?.iter().product();
            Some(elements * (dtype.bits() / 8) as usize)
        };
        self.parts().iter().filter_map(bytes).sum()
    }

    /// Bytes of all parts of a matrix that is not coded, with `counts` survivors in its blocks.
    pub(super) fn part_bytes(&self, counts: &[usize]) -> u64 {
        let body_bytes = counts.iter().map(|count| self.body_bytes(*count)).sum();
        let body = match self.body {
            Body::Float(_) if !self.masked => 0, // Its length is known.
            _ => self.padded(body_bytes),
        };
        (self.known_bytes() + body) as u64
    }

    /// Name, element type and shape of every part, in their order in the file; `None` for the one part whose length
    /// depends on the content. Wide elements come first, so that each part is aligned.
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

    /// Weights of every block.
    pub(super) fn full_counts(&self) -> Vec<usize> {
        let count = |block| self.block_rows(block).len() * self.cols;
        (0..self.blocks).map(count).collect()
    }

    /// Survivors of every block by the mask.
    pub(super) fn mask_counts(&self, mask: &[u8]) -> Vec<usize> {
        let block_bytes = BLOCK_ROWS * self.stride;
        match block_bytes {
            0 => Vec::new(),
            _ => mask.chunks(block_bytes).map(count_ones).collect(),
        }
    }
}
