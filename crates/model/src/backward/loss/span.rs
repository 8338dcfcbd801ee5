//! Start and end of an answer.

use super::dense::dense_grad;
use super::softmax::cross_entropy;
use super::{Loss, Place, head_layer};
use crate::backward::Gradients;
use crate::{ModelError, SpanHead};
use serde_json::Value;

/// Mean over texts of half the cross-entropy of the start and half that of the end, as transformers has it.
pub struct SpanOfAnswer<'a> {
    /// config.json of the model.
    pub config: &'a Value,
    /// Start and end of the answer of each sequence, counted from its first token.
    pub answers: Vec<(usize, usize)>,
}

impl Loss for SpanOfAnswer<'_> {
    fn count(&self) -> usize {
        self.answers.len()
    }

    /// # Panics
    /// If there is not an answer inside each sequence.
    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (compute, batch) = (place.compute, place.batch);
        assert_eq!(self.answers.len(), batch.sequences(), "an answer a text");
        let head = SpanHead::load(place.network, self.config, compute, place.weights)?;
        let (before, saved) = head_layer::run(compute, head.before.as_ref(), states.to_vec());
        let logits = head.last_logits(compute, &before);
        let mut grad = vec![0.0; 2 * batch.tokens()];
        let half = 0.5 / self.answers.len().max(1) as f64;
        let factor = (half * f64::from(share)) as f32;
        let mut loss = 0.0;
        for (pair, (start, end)) in batch.starts.windows(2).zip(&self.answers) {
            for (side, (logits, target)) in [(&logits.start, start), (&logits.end, end)]
                .into_iter()
                .enumerate()
            {
                let mut row = logits[pair[0]..pair[1]].to_vec();
                loss += half * cross_entropy(compute, &mut row, *target, factor);
                for (token, value) in (pair[0]..).zip(row) {
                    grad[2 * token + side] = value;
                }
            }
        }
        let out = dense_grad(compute, &head.layer, &before, &grad, gradients);
        Ok(match saved {
            Some(saved) => (loss, saved.grad(compute, out, gradients)),
            None => (loss, out),
        })
    }
}
