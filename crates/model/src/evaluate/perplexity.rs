//! Perplexity over windows.

use super::windows::{Windows, targets};
use super::{Progress, Runner};
use crate::{Batch, ModelError};
use kerf_kernels::Compute;

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

impl Perplexity {
    /// From a sum over `tokens` predictions.
    pub(super) fn from_sum(sum: f64, tokens: u64) -> Self {
        let nll = sum / tokens as f64;
        Self {
            perplexity: libm::exp(nll),
            nll,
            tokens,
        }
    }
}

/// Negative log likelihood of `target`.
pub(super) fn nll(compute: &Compute, logits: &[f32], target: u32) -> f64 {
    f64::from(compute.kernels.log_sum_exp(logits)) - f64::from(logits[target as usize])
}

impl Runner<'_> {
    /// Windows of `context` tokens without overlap; the last partial window is dropped unless it is the only one. A window of
    /// N tokens gives N - 1 predictions.
    ///
    /// Progress counts tokens. `WRONG_KIND` for encoders, `TOO_LONG` for a context beyond the model's maximum, `EMPTY` if
    /// there is nothing to predict, `CANCELLED`.
    pub fn perplexity(
        &mut self,
        ids: &[u32],
        context: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Perplexity, ModelError> {
        self.need_decoder("perplexity")?;
        let windows = Windows::new(self.network, ids, context)?;
        let (mut sum, mut count, mut done) = (0.0, 0, 0);
        let mut logits = Vec::new();
        for batch in windows.batches() {
            let hidden = self.window_states(&batch, done, windows.tokens(), progress)?;
            let targets = targets(&batch);
            let head = self.take_head()?;
            let rows = head.rows_at_once();
            let chunks = hidden.chunks(rows * self.network.hidden());
            for (hidden, targets) in chunks.zip(targets.chunks(rows)) {
                head.logits_into(self.compute, hidden, &mut logits);
                let vocab = self.network.vocab();
                let losses = self.compute.pool.map(targets.len(), |row| {
                    let logits = &logits[row * vocab..][..vocab];
                    targets[row].map(|target| nll(self.compute, logits, target))
                });
                for loss in losses.into_iter().flatten() {
                    sum += loss;
                    count += 1;
                }
            }
            self.keep_head(head);
            done += batch.tokens() as u64;
            if !progress(done, windows.tokens()) {
                return Err(ModelError::Cancelled {});
            }
        }
        Ok(Perplexity::from_sum(sum, count))
    }

    /// Last hidden states of a batch of windows. A batch counts for its tokens bit by bit as its blocks are done.
    pub(super) fn window_states(
        &mut self,
        batch: &Batch,
        done: u64,
        total: u64,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        let (tokens, blocks) = (batch.tokens() as u64, self.network.blocks() as u64);
        self.hidden(batch, &mut |block| {
            progress(done + tokens * block as u64 / (blocks + 1), total)
        })
    }
}
