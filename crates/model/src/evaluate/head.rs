//! The head: hidden states to logits, a few rows at a time.

use crate::block::read;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::TensorsError;

/// Logits that are in memory at once.
const LOGITS: usize = 8 << 20;

/// The matrix [vocab, hidden] that turns hidden states into logits.
pub(crate) struct Head {
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    /// Soft cap of logits.
    cap: Option<f32>,
    vocab: usize,
    hidden: usize,
}

impl Head {
    /// `TENSOR_MISSING` for a decoder that is stored without head.
    pub fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
    ) -> Result<Self, ModelError> {
        let stem = network.arch.head.as_ref().map_or("head", |head| head.stem);
        let name = network.head().ok_or_else(|| TensorsError::TensorMissing {
            tensor: format!("{stem}.weight"),
        })?;
        let (vocab, hidden) = (network.vocab(), network.hidden());
        let weight = read(compute, weights, name, (vocab, hidden))?;
        let bias = network.head_bias();
        let bias = bias.map(|name| read(compute, weights, name, (vocab, 1)));
        Ok(Self {
            weight,
            bias: bias.transpose()?,
            cap: network.settings.logit_cap,
            vocab,
            hidden,
        })
    }

    pub fn bytes(&self) -> u64 {
        4 * (self.weight.len() + self.bias.as_ref().map_or(0, Vec::len)) as u64
    }

    /// Rows of hidden states that are worked on at once: enough for an efficient product, few enough for the memory.
    pub fn rows_at_once(&self) -> usize {
        (LOGITS / self.vocab).clamp(32, 1024)
    }

    /// Logits [rows, vocab] of hidden states [rows, hidden].
    pub fn logits(&self, compute: &Compute, hidden: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        self.logits_into(compute, hidden, &mut out);
        out
    }

    /// [`Head::logits`] into a buffer that is used again and again.
    pub fn logits_into(&self, compute: &Compute, hidden: &[f32], out: &mut Vec<f32>) {
        let rows = hidden.len() / self.hidden;
        out.resize(rows * self.vocab, 0.0);
        let out_matrix = MatMut {
            data: out,
            rows,
            cols: self.vocab,
            stride: self.vocab,
        };
        let input = |data, rows| MatRef {
            data,
            rows,
            cols: self.hidden,
            stride: self.hidden,
        };
        let (x, weight) = (input(hidden, rows), input(&self.weight, self.vocab));
        compute.linalg.gemm_nt(out_matrix, x, weight, 1.0, 0.0);
        if self.bias.is_none() && self.cap.is_none() {
            return;
        }
        let kernels = &compute.kernels;
        compute.pool.chunks_mut(out, self.vocab, |_, row| {
            if let Some(bias) = &self.bias {
                kernels.add(bias, row);
            }
            if let Some(cap) = self.cap {
                row.iter_mut().for_each(|logit| *logit /= cap);
                kernels.tanh(row);
                row.iter_mut().for_each(|logit| *logit *= cap);
            }
        });
    }
}
