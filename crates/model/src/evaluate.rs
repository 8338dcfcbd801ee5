//! Perplexity, agreement of sentence pairs, similarity of two models.
//!
//! All functions stream: they take the tokens in batches, run each block on a whole batch, and keep decoded blocks up to a limit.

use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// A model ready to run many batches: a network, its weights, and decoded blocks kept up to a limit in bytes.
pub struct Runner<'a> {
    /// The network.
    pub network: &'a Network,
    /// Where weights come from.
    pub weights: &'a dyn WeightSource,
    /// The machine.
    pub compute: &'a Compute,
    // decoded blocks kept so far: filled in by the implementation
}

/// Called between units of work with (done, total); returns false to cancel.
pub type Progress<'a> = dyn FnMut(u64, u64) -> bool + 'a;

/// Perplexity of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexity {
    /// exp(nll).
    pub perplexity: f64,
    /// Mean negative log likelihood, in nats.
    pub nll: f64,
    /// Number of predicted tokens.
    pub tokens: u64,
}

/// Two decoders on the same text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// The first.
    pub original: Perplexity,
    /// The second.
    pub small: Perplexity,
    /// Mean KL(original || small) over next-token distributions, in nats.
    pub kl: f64,
    /// Share of predictions whose most likely token is the same.
    pub top_token_agreement: f64,
}

/// How hidden states become one vector per text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Mean over tokens.
    Mean,
    /// First token.
    Cls,
    /// Maximum over tokens.
    Max,
    /// Mean scaled by the square root of the length.
    MeanSqrtLen,
}

#[allow(unused_variables)]
impl<'a> Runner<'a> {
    /// Keeps up to `keep_bytes` of decoded blocks between batches.
    pub fn new(
        network: &'a Network,
        weights: &'a dyn WeightSource,
        compute: &'a Compute,
        keep_bytes: u64,
    ) -> Self {
        todo!()
    }

    /// Windows of `context` tokens without overlap; the last partial window is dropped unless it is the only one.
    pub fn perplexity(
        &mut self,
        ids: &[u32],
        context: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Perplexity, ModelError> {
        todo!()
    }

    /// Logits [tokens, vocab] of one sequence; for tests and small inputs.
    pub fn logits(&mut self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        todo!()
    }

    /// Last hidden states [tokens, hidden] of one sequence.
    pub fn hidden_states(&mut self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        todo!()
    }

    /// One vector of `hidden` values per text, L2-normalised if `normalize`. Works for decoders too.
    pub fn embed(
        &mut self,
        texts: &[Vec<u32>],
        pooling: Pooling,
        normalize: bool,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        todo!()
    }
}

/// Both perplexities, KL and agreement over the same windows.
pub fn divergence(
    original: &mut Runner<'_>,
    small: &mut Runner<'_>,
    ids: &[u32],
    context: usize,
    progress: &mut Progress<'_>,
) -> Result<Divergence, ModelError> {
    let _ = (original, small, ids, context, progress);
    todo!()
}

/// Spearman's rank correlation with average ranks for ties.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    todo!("{a:?} {b:?}")
}

/// Cosine of two vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    todo!("{a:?} {b:?}")
}
