//! Gradients by the name of their tensor.

use crate::block_tensors::BlockTensor;
use crate::buffers::Buffers;
use crate::{ModelError, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::TensorsError;
use std::collections::BTreeMap;

/// Values whose squares are added up at once: a tile of [`Gradients::norm`].
const TILE: usize = 1 << 16;

/// A gradient for each tensor that learns, in f32 and in the layout of the file, like [`crate::MemoryWeights`]. A backward pass adds to
/// them. A tensor that is not in here does not learn, and its gradient is not computed.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    tensors: BTreeMap<String, Vec<f32>>,
    /// What the passes that add to the gradients work in; it stays for the next step.
    pub(super) buffers: Buffers,
    /// Gets the gradient of what attention gives in the next backward pass of a block, where somebody waits for it.
    pub(super) attended: Option<Vec<f32>>,
}

impl Gradients {
    /// Zeros for these tensors of a source. `TENSOR_MISSING`.
    pub fn zeros<'n>(
        source: &dyn WeightSource,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, ModelError> {
        let mut tensors = BTreeMap::new();
        for name in names {
            let shape = source.shape(name).ok_or_else(|| {
                ModelError::from(TensorsError::TensorMissing {
                    tensor: name.into(),
                })
            })?;
            tensors.insert(name.to_string(), vec![0.0; shape.iter().product()]);
        }
        Ok(Self {
            tensors,
            buffers: Buffers::default(),
            attended: None,
        })
    }

    /// Names of all tensors that learn, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The gradient of a tensor.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.tensors.get(name).map(Vec::as_slice)
    }

    /// The gradient of a tensor, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        self.tensors.get_mut(name).map(Vec::as_mut_slice)
    }

    /// Makes all of them zero.
    pub fn clear(&mut self) {
        for values in self.tensors.values_mut() {
            values.fill(0.0);
        }
    }

    /// Euclidean norm of all values together, in f64: sums of fixed tiles in a fixed order.
    pub fn norm(&self, compute: &Compute) -> f64 {
        let tiles: Vec<&[f32]> = (self.tensors.values())
            .flat_map(|values| values.chunks(TILE))
            .collect();
        let squares = |tile: &[f32]| tile.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let sums = compute.pool.map(tiles.len(), |at| squares(tiles[at]));
        sums.iter().sum::<f64>().sqrt()
    }

    /// Adds values in the layout of a file, if the tensor learns.
    pub(super) fn add(&mut self, name: &str, values: &[f32]) {
        if let Some(own) = self.tensors.get_mut(name) {
            for (own, value) in own.iter_mut().zip(values) {
                *own += value;
            }
        }
    }

    /// Adds values in the layout of a loaded block.
    pub(super) fn add_loaded(&mut self, compute: &Compute, tensor: &BlockTensor, values: &[f32]) {
        if self.tensors.contains_key(&tensor.name) {
            self.add(&tensor.name, &tensor.in_file_layout(compute, values));
        }
    }
}
