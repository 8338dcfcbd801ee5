//! The one way weights reach the forward pass, whether dense, masked, quantized or from a kerf container.

use crate::ModelError;
use kerf_kernels::Compute;
use kerf_tensors::Catalog;
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
}

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
}
