//! Compares two tensors bit by bit.

use super::{Catalog, Stored, TensorEntry};
use crate::TensorsError;

/// Number of bytes in one comparison.
const PIECE: u64 = 1 << 20;

impl Catalog {
    /// Whether two plain tensors have the same type, shape and bytes. Reading stops at the first piece that differs. A tensor
    /// that is not plain is only the same as itself.
    pub fn same(&self, a: &TensorEntry, b: &TensorEntry) -> Result<bool, TensorsError> {
        let (Stored::Plain(first), Stored::Plain(second)) = (&a.stored, &b.stored) else {
            return Ok(a.name == b.name);
        };
        if (a.dtype, &a.shape) != (b.dtype, &b.shape) {
            return Ok(false);
        }
        let mut from = 0;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        while from < first.len_bytes {
            let len = PIECE.min(first.len_bytes - from) as usize;
            left.resize(len, 0);
            right.resize(len, 0);
            self.read_span(first, from, &mut left)?;
            self.read_span(second, from, &mut right)?;
            if left != right {
                return Ok(false);
            }
            from += len as u64;
        }
        Ok(true)
    }
}
