//! The one way weights reach the forward pass, whether dense, masked, quantized or from a kerf container.

use crate::ModelError;
use kerf_kernels::{CompactMatrix, Compute, Isa};
use kerf_tensors::{Catalog, Stored};
use std::ops::Range;

/// Weights by name, as dense f32, row-major, in the layout that the file has.
pub trait WeightSource: Send + Sync {
    /// What to call the model in errors.
    fn model(&self) -> String {
        "the model as far as it is compressed".into()
    }
    /// Shape of a tensor, or `None` if there is none of that name.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;
    /// All values, each of them finite: `NON_FINITE` otherwise.
    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError>;
    /// Values of some rows, each of them finite.
    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError>;

    /// A matrix in the form in which it runs, with the values of [`WeightSource::read`], to the bit. `None` where the source has no such
    /// form of it; it may still have the tensor.
    fn compact(
        &self,
        _compute: &Compute,
        _name: &str,
    ) -> Result<Option<CompactMatrix>, ModelError> {
        Ok(None)
    }

    /// Whether two tensors have the same shape and the same values, bit by bit. Reads some rows at a time, up to the first
    /// difference.
    fn same(&self, a: &str, b: &str) -> Result<bool, ModelError> {
        same_values(self, a, b)
    }
}

/// [`WeightSource::same`] by values.
fn same_values<W: WeightSource + ?Sized>(
    weights: &W,
    a: &str,
    b: &str,
) -> Result<bool, ModelError> {
    let (Some(shape), Some(other)) = (weights.shape(a), weights.shape(b)) else {
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
        let first = weights.read_rows(&compute, a, piece.clone())?;
        let second = weights.read_rows(&compute, b, piece)?;
        let mut pairs = first.iter().zip(&second);
        if pairs.any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Values that are compared at once.
const COMPARED: usize = 1 << 20;

impl WeightSource for Catalog {
    fn model(&self) -> String {
        self.folder.name()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.get(name).ok().map(|entry| entry.shape.clone())
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        Ok(self.read_finite(compute, self.get(name)?)?)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        Ok(self.read_finite_rows(compute, self.get(name)?, rows)?)
    }

    fn compact(&self, compute: &Compute, name: &str) -> Result<Option<CompactMatrix>, ModelError> {
        Ok(self.read_compact(compute, self.get(name)?)?)
    }

    fn same(&self, a: &str, b: &str) -> Result<bool, ModelError> {
        let (Ok(first), Ok(second)) = (self.get(a), self.get(b)) else {
            return Ok(false);
        };
        match (&first.stored, &second.stored) {
            (Stored::Plain(_), Stored::Plain(_)) => Ok(Catalog::same(self, first, second)?),
            _ => same_values(self, a, b),
        }
    }
}
