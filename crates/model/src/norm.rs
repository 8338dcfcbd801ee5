//! Norms, ready to run.

use crate::arch::Norm;
use crate::block::read;
use crate::forward::rows_per_chunk;
use crate::label_heads::dense::values;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::{Compute, Kernels};

/// Scale and shift of a norm.
#[derive(Clone, Debug)]
pub(crate) struct NormWeights {
    kind: Norm,
    eps: f32,
    scale: Vec<f32>,
    shift: Option<Vec<f32>>,
}

impl NormWeights {
    pub fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        stem: &str,
        width: usize,
    ) -> Result<Self, ModelError> {
        let (scale, shift) = network.norm_names(stem);
        let vector = |name: &str| read(compute, weights, name, (width, 1));
        let mut scale = vector(&scale)?;
        if network.arch.norm == Norm::RmsPlusOne {
            scale.iter_mut().for_each(|scale| *scale += 1.0);
        }
        Ok(Self {
            kind: network.arch.norm,
            eps: network.settings.eps,
            scale,
            shift: shift.as_deref().map(vector).transpose()?,
        })
    }

    /// The layer norm of a head: `stem.weight`, and `stem.bias` if it is there; epsilon is that of the network. `TENSOR_MISSING`,
    /// `WRONG_SHAPE`.
    pub fn of_head(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        stem: &str,
    ) -> Result<Self, ModelError> {
        let vector = |name| values(compute, weights, name, vec![network.hidden()]);
        let bias = format!("{stem}.bias");
        let has_bias = weights.shape(&bias).is_some();
        Ok(Self {
            kind: Norm::Layer,
            eps: network.settings.eps,
            scale: vector(format!("{stem}.weight"))?,
            shift: has_bias.then(|| vector(bias)).transpose()?,
        })
    }

    /// Factors, with the 1 that some architectures add.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// What is added, if anything is.
    pub fn shift(&self) -> Option<&[f32]> {
        self.shift.as_deref()
    }

    /// Backward of [`NormWeights::row`]: `out` gets the gradient of `x` added, `scale_grad` that of the scale.
    #[cfg(feature = "train")]
    pub fn row_grad(
        &self,
        kernels: &Kernels,
        x: &[f32],
        grad: &[f32],
        out: &mut [f32],
        scale_grad: &mut [f32],
    ) {
        match self.kind {
            Norm::Rms | Norm::RmsPlusOne => {
                kernels.rms_norm_grad(x, &self.scale, self.eps, grad, out, scale_grad);
            }
            Norm::Layer => {
                kernels.layer_norm_grad(x, &self.scale, self.eps, grad, out, scale_grad);
            }
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.scale.len() + self.shift.as_ref().map_or(0, Vec::len)
    }

    pub fn row(&self, kernels: &Kernels, x: &[f32], out: &mut [f32]) {
        match self.kind {
            Norm::Rms | Norm::RmsPlusOne => kernels.rms_norm(x, &self.scale, self.eps, out),
            Norm::Layer => kernels.layer_norm(x, &self.scale, self.shift.as_deref(), self.eps, out),
        }
    }

    /// Normalises each row of `x` into a new matrix.
    pub fn applied(&self, compute: &Compute, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        self.apply_to(compute, x, &mut out);
        out
    }

    /// Normalises each row of `x` into the rows of `out`.
    pub fn apply_to(&self, compute: &Compute, x: &[f32], out: &mut [f32]) {
        let cols = self.scale.len();
        let chunk = rows_per_chunk(cols) * cols;
        compute.pool.chunks_mut(out, chunk, |index, rows| {
            let x = &x[index * chunk..];
            for (out, x) in rows.chunks_exact_mut(cols).zip(x.chunks_exact(cols)) {
                self.row(&compute.kernels, x, out);
            }
        });
    }

    /// Normalises each row of `x` in place.
    pub fn apply(&self, compute: &Compute, x: &mut [f32]) {
        self.apply_after(compute, x, |_| {});
    }

    /// Normalises each row of `x` in place after `first` was done to it.
    pub fn apply_after(&self, compute: &Compute, x: &mut [f32], first: impl Fn(&mut [f32]) + Sync) {
        let cols = self.scale.len();
        let chunk = rows_per_chunk(cols) * cols;
        compute.pool.chunks_mut(x, chunk, |_, rows| {
            let mut out = vec![0.0; cols];
            for row in rows.chunks_exact_mut(cols) {
                first(row);
                self.row(&compute.kernels, row, &mut out);
                row.copy_from_slice(&out);
            }
        });
    }
}
