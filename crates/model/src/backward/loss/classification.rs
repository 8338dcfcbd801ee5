//! Labels of texts.

use super::dense::dense_grad;
use super::pool::pool_grad;
use super::softmax::{cross_entropy, divergence};
use super::{Loss, Place, head_layer};
use crate::backward::Gradients;
use crate::evaluate::Pooling;
use crate::{ClassifierHead, ModelError};
use serde_json::Value;

/// What is wanted of each sequence.
pub enum Wanted {
    /// Index of the one label that is right: cross-entropy.
    Label(Vec<usize>),
    /// For each sequence and label whether it is right (1 or 0), [sequences, labels]: cross-entropy of a sigmoid each.
    Labels(Vec<f32>),
    /// Numbers to predict, [sequences, labels]: squares.
    Numbers(Vec<f32>),
    /// Another model's logits, [sequences, labels]: T^2 KL of the distributions of logits / T, whose gradient is that of the
    /// cross-entropy to soft labels.
    Logits {
        /// What the other model gives.
        logits: Vec<f32>,
        /// T, above 0.
        temperature: f32,
    },
}

/// Mean over texts (and labels, where each has its own loss) of the loss of a classifier's logits.
pub struct Classification<'a> {
    /// config.json of the model.
    pub config: &'a Value,
    /// What is right.
    pub wanted: Wanted,
}

impl Wanted {
    /// The loss; logits become `share` times their gradients.
    fn loss(&self, place: Place<'_>, logits: &mut [f32], labels: usize, share: f32) -> f64 {
        let texts = logits.len() / labels;
        match self {
            Self::Label(right) => {
                let rows = logits.chunks_exact_mut(labels).zip(right);
                let factor = share / texts as f32;
                let losses =
                    rows.map(|(row, right)| cross_entropy(place.compute, row, *right, factor));
                losses.sum::<f64>() / texts as f64
            }
            Self::Logits {
                logits: wanted,
                temperature,
            } => {
                let rows = (logits.chunks_exact_mut(labels)).zip(wanted.chunks_exact(labels));
                let factor = share / texts as f32;
                let losses = rows.map(|(row, wanted)| {
                    divergence(place.compute, row, wanted, *temperature, factor)
                });
                losses.sum::<f64>() / texts as f64
            }
            Self::Labels(right) => mean(logits, right, share, |x, right| {
                let loss = x.max(0.0) - x * right + (-x.abs()).exp().ln_1p();
                (loss, 1.0 / (1.0 + (-x).exp()) - right)
            }),
            Self::Numbers(right) => mean(logits, right, share, |x, right| {
                ((x - right).powi(2), 2.0 * (x - right))
            }),
        }
    }
}

/// Mean of a loss of single values; `each` gives it with its derivative.
fn mean(x: &mut [f32], right: &[f32], share: f32, each: impl Fn(f64, f64) -> (f64, f64)) -> f64 {
    let count = x.len() as f64;
    let mut total = 0.0;
    for (x, right) in x.iter_mut().zip(right) {
        let (loss, slope) = each(f64::from(*x), f64::from(*right));
        total += loss;
        *x = (slope * f64::from(share) / count) as f32;
    }
    total / count
}

impl Loss for Classification<'_> {
    fn count(&self) -> usize {
        match &self.wanted {
            Wanted::Label(right) => right.len(),
            Wanted::Labels(right) | Wanted::Numbers(right) => right.len(),
            Wanted::Logits { logits, .. } => logits.len(),
        }
    }

    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (compute, batch) = (place.compute, place.batch);
        let head = ClassifierHead::load(place.network, self.config, compute, place.weights)?;
        let looked_at = head.looked_at(batch)?;
        let seen = head.seen(states, &looked_at);
        let (before, saved) = head_layer::run(compute, head.before.as_ref(), seen);
        let mut logits = head.last.apply(compute, &before);
        let labels = head.last.rows;
        let loss = self.wanted.loss(place, &mut logits, labels, share);
        let mut grad = dense_grad(compute, &head.last, &before, &logits, gradients);
        if let Some(saved) = saved {
            grad = saved.grad(compute, grad, gradients);
        }
        let (hidden, mut out) = (head.hidden, vec![0.0; states.len()]);
        for (tokens, grad) in looked_at.iter().zip(grad.chunks_exact(hidden)) {
            let own = &mut out[tokens.start * hidden..tokens.end * hidden];
            let seen = &states[tokens.start * hidden..tokens.end * hidden];
            pool_grad(place.compute, Pooling::Mean, seen, grad, own);
        }
        Ok((loss, out))
    }
}
