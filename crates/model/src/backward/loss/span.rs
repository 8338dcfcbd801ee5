//! Start and end of an answer.

use super::dense::dense_grad;
use super::softmax::{cross_entropy, divergence};
use super::{Loss, Place, head_layer};
use crate::backward::Gradients;
use crate::{ModelError, SpanHead, SpanLogits};
use serde_json::Value;

/// Mean over texts of half the cross-entropy of the start and half that of the end, as transformers has it.
pub struct SpanOfAnswer<'a> {
    /// config.json of the model.
    pub config: &'a Value,
    /// Start and end of the answer of each sequence, counted from its first token.
    pub answers: Vec<(usize, usize)>,
}

/// Mean over texts of half the divergence of the starts and half that of the ends from another model's: T^2 KL of the distributions of
/// logits / T over the tokens of a text, whose gradient is that of the cross-entropy to soft answers.
pub struct SpanTeacher<'a> {
    /// config.json of the model.
    pub config: &'a Value,
    /// What the other model gives for the tokens of each text.
    pub logits: Vec<SpanLogits>,
    /// T, above 0.
    pub temperature: f32,
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
        let texts = place.batch.sequences();
        assert_eq!(self.answers.len(), texts, "an answer a text");
        let each = |text: usize, side: Side, row: &mut [f32], factor: f32| {
            let (start, end) = self.answers[text];
            let target = match side {
                Side::Start => start,
                Side::End => end,
            };
            cross_entropy(place.compute, row, target, factor)
        };
        spans((place, self.config), states, share, gradients, &each)
    }
}

impl Loss for SpanTeacher<'_> {
    fn count(&self) -> usize {
        self.logits.len()
    }

    /// # Panics
    /// If there are not two logits for each token of each sequence.
    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let texts = place.batch.sequences();
        assert_eq!(self.logits.len(), texts, "logits for each text");
        let each = |text: usize, side: Side, row: &mut [f32], factor: f32| {
            let wanted = match side {
                Side::Start => &self.logits[text].start,
                Side::End => &self.logits[text].end,
            };
            assert_eq!(wanted.len(), row.len(), "two logits a token");
            divergence(place.compute, row, wanted, self.temperature, factor)
        };
        spans((place, self.config), states, share, gradients, &each)
    }
}

/// An end of an answer.
#[derive(Clone, Copy)]
enum Side {
    Start,
    End,
}

/// The loss of a text's logits at one side, which become so many times their gradient.
type Each<'e> = dyn Fn(usize, Side, &mut [f32], f32) -> f64 + 'e;

/// Mean over texts of half of what `each` says of both sides.
fn spans(
    (place, config): (Place<'_>, &Value),
    states: &[f32],
    share: f32,
    gradients: &mut Gradients,
    each: &Each<'_>,
) -> Result<(f64, Vec<f32>), ModelError> {
    let (compute, batch) = (place.compute, place.batch);
    let head = SpanHead::load(place.network, config, compute, place.weights)?;
    let (before, saved) = head_layer::run(compute, head.before.as_ref(), states.to_vec());
    let logits = head.last_logits(compute, &before);
    let mut grad = vec![0.0; 2 * batch.tokens()];
    let half = 0.5 / batch.sequences().max(1) as f64;
    let factor = (half * f64::from(share)) as f32;
    let mut loss = 0.0;
    for (text, pair) in batch.starts.windows(2).enumerate() {
        for (place, side, logits) in [(0, Side::Start, &logits.start), (1, Side::End, &logits.end)]
        {
            let mut row = logits[pair[0]..pair[1]].to_vec();
            loss += half * each(text, side, &mut row, factor);
            for (token, value) in (pair[0]..).zip(row) {
                grad[2 * token + place] = value;
            }
        }
    }
    let out = dense_grad(compute, &head.layer, &before, &grad, gradients);
    Ok(match saved {
        Some(saved) => (loss, saved.grad(compute, out, gradients)),
        None => (loss, out),
    })
}
