//! Perplexity over windows.

use super::head::{HeadOf, walk};
use super::softmax::{log_add, log_sum};
use super::windows::{AtHand, Tokens, Windows, targets};
use super::{Progress, Runner};
use crate::{Batch, ModelError};
use kerf_kernels::Compute;
use std::ops::Range;

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

/// What is known of the prediction of one token from the pieces of the vocabulary so far.
#[derive(Clone, Copy)]
pub(super) struct Prediction {
    /// ln of the sum of exponentials.
    pub sum: f64,
    /// The logit of the token that came.
    pub logit: f32,
    /// The largest logit, and its token: the first of equals.
    pub top: (f32, usize),
}

impl Prediction {
    /// Before the first piece.
    pub const NONE: Self = Self {
        sum: f64::NEG_INFINITY,
        logit: f32::NAN,
        top: (f32::NEG_INFINITY, 0),
    };

    /// Takes in the logits of some tokens of the vocabulary.
    pub fn add(&mut self, compute: &Compute, logits: &[f32], tokens: &Range<usize>, target: u32) {
        self.sum = log_add(self.sum, log_sum(compute, logits));
        if tokens.contains(&(target as usize)) {
            self.logit = logits[target as usize - tokens.start];
        }
    }

    /// Takes in which of some tokens is the most likely.
    pub fn add_top(&mut self, logits: &[f32], first: usize) {
        let best = super::top(logits);
        if logits[best] > self.top.0 {
            self.top = (logits[best], first + best);
        }
    }

    /// Negative log likelihood of the token that came.
    pub fn nll(&self) -> f64 {
        self.sum - f64::from(self.logit)
    }
}

impl Runner<'_> {
    /// [`Runner::perplexity_of`] of ids that are at hand.
    pub fn perplexity(
        &mut self,
        ids: &[u32],
        context: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Perplexity, ModelError> {
        self.perplexity_of(&mut AtHand::new(ids), context, progress)
    }

    /// Windows of `context` tokens without overlap; the last partial window is dropped unless it is the only one. A window of
    /// N tokens gives N - 1 predictions. The text is read as windows are needed.
    ///
    /// Progress counts tokens. `WRONG_KIND` for encoders, `TOO_LONG` for a context beyond the model's maximum, `EMPTY` if
    /// there is nothing to predict, `CANCELLED`.
    pub fn perplexity_of<E: From<ModelError>>(
        &mut self,
        text: &mut dyn Tokens<Error = E>,
        context: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Perplexity, E> {
        self.need_decoder("perplexity")?;
        let mut windows = Windows::new(self.network, text, context, self.batch_tokens)?;
        let (mut sum, mut count, mut done) = (0.0, 0, 0);
        let mut told = None;
        while let Some(batch) = windows.next()? {
            let hidden = self.window_states(&batch, done, windows.tokens(), progress)?;
            for loss in self
                .losses(&hidden, &targets(&batch))?
                .into_iter()
                .flatten()
            {
                sum += loss;
                count += 1;
            }
            done += batch.tokens() as u64;
            told = Some((done, windows.tokens()));
            if !progress(done, windows.tokens()) {
                return Err(ModelError::Cancelled {}.into());
            }
        }
        // A text may have been taken for longer than it was.
        if told != Some((done, done)) {
            progress(done, done);
        }
        Ok(Perplexity::from_sum(sum, count))
    }

    /// Negative log likelihood of each target in nats, from last hidden states [targets, hidden] after the final norm; `None` where
    /// there is no target.
    pub fn losses(
        &mut self,
        hidden: &[f32],
        targets: &[Option<u32>],
    ) -> Result<Vec<Option<f64>>, ModelError> {
        let head = self.take_head()?;
        let of = HeadOf {
            head: &head,
            weights: self.weights,
        };
        let compute = self.compute;
        let mut known = vec![Prediction::NONE; targets.len()];
        walk(compute, &[of], &[(0, hidden)], &mut |place, logits| {
            let width = place.tokens.len();
            let (first, known) = (place.rows.start, &mut known[place.rows.clone()]);
            compute.pool.chunks_mut(known, 1, |row, known| {
                if let Some(target) = targets[first + row] {
                    let logits = &logits[row * width..][..width];
                    known[0].add(compute, logits, &place.tokens, target);
                }
            });
        })?;
        self.keep_head(head);
        let losses = targets.iter().zip(&known);
        Ok(losses
            .map(|(target, known)| target.map(|_| known.nll()))
            .collect())
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
