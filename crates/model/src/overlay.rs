//! A model in which some tensors come from elsewhere.

use crate::{ModelError, WeightSource};
use kerf_kernels::Compute;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A model in which the tensors of some names come from sources of their own: a file of a matrix that was compressed, or memory. A
/// replaced tensor has the shape and the layout of the one that it replaces.
pub struct Overlay<'a> {
    base: &'a dyn WeightSource,
    replaced: HashMap<String, Arc<dyn WeightSource + 'a>>,
}

impl<'a> Overlay<'a> {
    /// `base` with nothing replaced.
    pub fn new(base: &'a dyn WeightSource) -> Self {
        let replaced = HashMap::new();
        Self { base, replaced }
    }

    /// Takes the tensor of that name out of `source` from now on.
    pub fn replace(&mut self, name: &str, source: Arc<dyn WeightSource + 'a>) {
        self.replaced.insert(name.to_string(), source);
    }

    fn source(&self, name: &str) -> &dyn WeightSource {
        self.replaced
            .get(name)
            .map_or(self.base, |source| &**source)
    }
}

impl WeightSource for Overlay<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.base.shape(name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryWeights;

    #[test]
    fn a_replaced_tensor_is_read_from_its_own_source_and_the_others_from_the_base() {
        let compute = Compute::new(None, 1).unwrap();
        let memory = |values: [f32; 4]| {
            let mut weights = MemoryWeights::new();
            for name in ["a", "b"] {
                weights.insert(name, vec![2, 2], values.to_vec()).unwrap();
            }
            weights
        };
        let base = memory([1.0, 2.0, 3.0, 4.0]);
        let mut overlay = Overlay::new(&base);
        overlay.replace("b", Arc::new(memory([5.0, 6.0, 7.0, 8.0])));
        assert_eq!(overlay.shape("b"), Some(vec![2, 2]));
        assert_eq!(overlay.shape("c"), None);
        assert_eq!(overlay.read(&compute, "a").unwrap()[0], 1.0);
        assert_eq!(overlay.read(&compute, "b").unwrap()[0], 5.0);
        assert_eq!(overlay.read_rows(&compute, "a", 1..2).unwrap(), [3.0, 4.0]);
        assert_eq!(overlay.read_rows(&compute, "b", 1..2).unwrap(), [7.0, 8.0]);
    }
}
