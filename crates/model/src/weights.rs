//! The one way weights reach the forward pass, whether dense, masked, quantized or from a kerf container.

use crate::ModelError;
use kerf_kernels::{Compute, Isa};
use kerf_tensors::Catalog;
use std::ops::Range;

/// Weights by name, as dense f32, row-major, in the layout that the file has.
pub trait WeightSource: Send + Sync {
    /// Shape of a tensor, or `None` if there is none of that name.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;
    /// All values.
    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError>;
    /// Values of some rows.
    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError>;

    /// Whether two tensors have the same shape and the same values, bit by bit. Reads some rows at a time, up to the first
    /// difference.
    fn same(&self, a: &str, b: &str) -> Result<bool, ModelError> {
        let (Some(shape), Some(other)) = (self.shape(a), self.shape(b)) else {
            return Ok(false);
        };
        let (true, Some(rows)) = (shape == other, shape.first()) else {
            return Ok(false);
        };
        let Some(compute) = Compute::new(None, 1).or_else(|| Compute::new(Some(Isa::Portable), 1))
        else {
            return Ok(false);
        };
        let row: usize = shape[1..].iter().product();
        let step = (COMPARED / row.max(1)).max(1);
        for start in (0..*rows).step_by(step) {
            let piece = start..(start + step).min(*rows);
            let first = self.read_rows(&compute, a, piece.clone())?;
            let second = self.read_rows(&compute, b, piece)?;
            let mut pairs = first.iter().zip(&second);
            if pairs.any(|(a, b)| a.to_bits() != b.to_bits()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Values that are compared at once.
const COMPARED: usize = 1 << 20;

impl WeightSource for Catalog {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.get(name).ok().map(|entry| entry.shape.clone())
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        Ok(self.read_f32(compute, self.get(name)?)?)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        Ok(self.read_rows_f32(compute, self.get(name)?, rows)?)
    }
}
