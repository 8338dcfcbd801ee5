//! Weights in memory that change: what training works on.

use crate::{ModelError, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::TensorsError;
use std::collections::BTreeMap;
use std::ops::Range;

/// Dense tensors by name, in f32 and in the layout of the file. Reading is shared (`&self`), changing is exclusive (`&mut self`), so
/// a block is never loaded from values that are half changed.
#[derive(Clone, Debug, Default)]
pub struct MemoryWeights {
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone, Debug)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl MemoryWeights {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies tensors of another source. Takes 4 bytes for each value. `TENSOR_MISSING`, and what reading gives.
    pub fn copy_of<'n>(
        source: &dyn WeightSource,
        compute: &Compute,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, ModelError> {
        let mut weights = Self::new();
        for name in names {
            let shape = source.shape(name).ok_or_else(|| missing(name))?;
            let values = source.read(compute, name)?;
            weights.insert(name, shape, values)?;
        }
        Ok(weights)
    }

    /// Adds a tensor, or replaces the one of that name. `WRONG_SHAPE` if there are not as many values as the shape says.
    pub fn insert(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        values: Vec<f32>,
    ) -> Result<(), ModelError> {
        if shape.iter().product::<usize>() != values.len() {
            return Err(TensorsError::WrongShape {
                tensor: name.to_string(),
                expected: shape,
                actual: vec![values.len()],
            }
            .into());
        }
        self.tensors
            .insert(name.to_string(), Tensor { shape, values });
        Ok(())
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Values of a tensor, row-major.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.tensors
            .get(name)
            .map(|tensor| tensor.values.as_slice())
    }

    /// Values of a tensor, to change them. A block that is loaded after that has the new ones. A value that is not finite is found
    /// when the tensor is read.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        let tensor = self.tensors.get_mut(name);
        tensor.map(|tensor| tensor.values.as_mut_slice())
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, ModelError> {
        self.tensors.get(name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> ModelError {
    TensorsError::TensorMissing {
        tensor: name.into(),
    }
    .into()
}

/// A copy of values that are all finite. `before`: values of the tensor that stand before them.
fn finite(
    compute: &Compute,
    name: &str,
    values: &[f32],
    before: usize,
) -> Result<Vec<f32>, ModelError> {
    match compute.kernels.first_non_finite(values) {
        None => Ok(values.to_vec()),
        Some(at) => Err(TensorsError::NonFinite {
            tensor: name.into(),
            index: (before + at) as u64,
            value: values[at].to_string(),
        }
        .into()),
    }
}

impl WeightSource for MemoryWeights {
    fn model(&self) -> String {
        "the model in memory".into()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|tensor| tensor.shape.clone())
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        finite(compute, name, &self.tensor(name)?.values, 0)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        let tensor = self.tensor(name)?;
        let row: usize = tensor.shape.iter().skip(1).product();
        let own = tensor.values.get(rows.start * row..rows.end * row);
        let Some(own) = own else {
            return Err(TensorsError::WrongShape {
                tensor: name.into(),
                expected: vec![rows.end, row],
                actual: tensor.shape.clone(),
            }
            .into());
        };
        finite(compute, name, own, rows.start * row)
    }
}
