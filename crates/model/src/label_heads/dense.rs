//! One linear layer of a head.

use crate::block::read;
use crate::{ModelError, WeightSource};
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::TensorsError;

/// A matrix [rows, cols], with its bias if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    /// Name of its tensors without `.weight`.
    #[cfg(feature = "train")]
    pub stem: String,
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    pub rows: usize,
    pub cols: usize,
}

impl Dense {
    /// Reads `stem.weight`, and `stem.bias` if it is there. `TENSOR_MISSING`, `WRONG_SHAPE`.
    pub fn load(
        compute: &Compute,
        weights: &dyn WeightSource,
        stem: &str,
        (rows, cols): (usize, usize),
    ) -> Result<Self, ModelError> {
        let values = |name, shape| values(compute, weights, name, shape);
        let bias = format!("{stem}.bias");
        let has_bias = weights.shape(&bias).is_some();
        Ok(Self {
            #[cfg(feature = "train")]
            stem: stem.into(),
            weight: values(format!("{stem}.weight"), vec![rows, cols])?,
            bias: has_bias.then(|| values(bias, vec![rows])).transpose()?,
            rows,
            cols,
        })
    }

    /// Outputs [n, rows] for inputs [n, cols].
    pub fn apply(&self, compute: &Compute, input: &[f32]) -> Vec<f32> {
        let count = input.len() / self.cols;
        let mut out = vec![0.0; count * self.rows];
        compute.linalg.gemm_nt(
            MatMut::dense(&mut out, count, self.rows),
            MatRef::dense(input, count, self.cols),
            MatRef::dense(&self.weight, self.rows, self.cols),
            1.0,
            0.0,
        );
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(self.rows) {
                compute.kernels.add(bias, row);
            }
        }
        out
    }
}

/// Values of a tensor that must have a shape. `TENSOR_MISSING`, `WRONG_SHAPE`.
pub(crate) fn values(
    compute: &Compute,
    weights: &dyn WeightSource,
    name: String,
    expected: Vec<usize>,
) -> Result<Vec<f32>, ModelError> {
    let actual = weights.shape(&name).ok_or(TensorsError::TensorMissing {
        tensor: name.clone(),
    })?;
    if actual != expected {
        return Err(ModelError::from(TensorsError::WrongShape {
            tensor: name,
            expected,
            actual,
        }));
    }
    read(compute, weights, &name, (expected.iter().product(), 1))
}
