//! The values that a stored weight may take.

use kerf_kernels::dispatch::CodeRange;
use serde::{Deserialize, Serialize};

/// A symmetric integer grid: value = code * scale, one scale per group of columns in a row, code 0 is exact zero.
/// A group never crosses a row; a row shorter than the group is one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Bits of a code, 2..=8.
    pub bits: u8,
    /// Columns per group; 0 = the whole row.
    pub group_size: usize,
}

impl Grid {
    /// Limits of the codes: -(2^(bits-1)) ..= 2^(bits-1) - 1.
    pub fn range(&self) -> CodeRange {
        let half = 1i16 << (self.bits - 1);
        CodeRange {
            lo: -half as i8,
            hi: (half - 1) as i8,
        }
    }

    /// Columns per group for rows of `cols` columns (never 0 unless `cols` is).
    pub fn group_cols(&self, cols: usize) -> usize {
        if self.group_size == 0 {
            cols.max(1)
        } else {
            self.group_size.min(cols).max(1)
        }
    }

    /// Groups in a row of `cols` columns.
    pub fn groups(&self, cols: usize) -> usize {
        cols.div_ceil(self.group_cols(cols))
    }
}
