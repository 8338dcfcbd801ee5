//! What the network reads while a student learns.

use kerf_kernels::Compute;
use kerf_model::{MemoryWeights, ModelError, WeightSource};
use std::ops::Range;

/// Tensors of a student, and behind them those of the model that do not learn.
pub(crate) struct Seen<'a> {
    pub own: &'a MemoryWeights,
    pub base: &'a dyn WeightSource,
}

impl Seen<'_> {
    fn source(&self, name: &str) -> &dyn WeightSource {
        match self.own.get(name) {
            Some(_) => self.own,
            None => self.base,
        }
    }
}

impl WeightSource for Seen<'_> {
    fn model(&self) -> String {
        "the model that is taught".into()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.source(name).shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        self.source(name).read(compute, name)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        self.source(name).read_rows(compute, name, rows)
    }
}
