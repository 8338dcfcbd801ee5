//! Start and end of an answer.

use super::dense::dense_grad;
use super::softmax::{cross_entropy, divergence};
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

/// Mean over texts of half the divergence of the probabilities of the start from those of another model, and half that of the end.
pub struct SpanShares<'a> {
    /// config.json of the model.
    pub config: &'a Value,
    /// Probability of each token of a batch that the answer of its sequence begins there: [tokens].
    pub start: Vec<f32>,
    /// The same of the end.
    pub end: Vec<f32>,
    /// Number of sequences.
    pub sequences: usize,
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
        let loss = |row: &mut [f32], of: Row, factor: f32| {
            let (start, end) = self.answers[of.sequence];
            let target = [start, end][of.side];
            cross_entropy(place.compute, row, target, factor)
        };
        of_rows(self.config, place, states, share, gradients, &loss)
    }
}

impl Loss for SpanShares<'_> {
    fn count(&self) -> usize {
        self.sequences
    }

    /// # Panics
    /// If there are not two probabilities for each token.
    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let loss = |row: &mut [f32], of: Row, factor: f32| {
            let wanted = [&self.start, &self.end][of.side];
            let own = of.first..of.first + row.len();
            divergence(place.compute, row, &wanted[own], factor)
        };
        of_rows(self.config, place, states, share, gradients, &loss)
    }
}

/// Which logits of a batch a row is: those of one sequence, from the token `first` on, for the start (0) or the end (1).
#[derive(Clone, Copy)]
struct Row {
    sequence: usize,
    first: usize,
    side: usize,
}

/// The loss of a row of logits, which become their gradients times a factor.
type OfRow<'l> = dyn Fn(&mut [f32], Row, f32) -> f64 + 'l;

/// Half the mean of the losses of all rows.
fn of_rows(
    config: &Value,
    place: Place<'_>,
    states: &[f32],
    share: f32,
    gradients: &mut Gradients,
    of_row: &OfRow<'_>,
) -> Result<(f64, Vec<f32>), ModelError> {
    let (compute, batch) = (place.compute, place.batch);
    let head = SpanHead::load(place.network, config, compute, place.weights)?;
    let (before, saved) = head_layer::run(compute, head.before.as_ref(), states.to_vec());
    let logits = head.last_logits(compute, &before);
    let mut grad = vec![0.0; 2 * batch.tokens()];
    let half = 0.5 / batch.sequences().max(1) as f64;
    let factor = (half * f64::from(share)) as f32;
    let mut loss = 0.0;
    for (sequence, pair) in batch.starts.windows(2).enumerate() {
        for (side, logits) in [&logits.start, &logits.end].into_iter().enumerate() {
            let mut row = logits[pair[0]..pair[1]].to_vec();
            let of = Row {
                sequence,
                first: pair[0],
                side,
            };
            loss += half * of_row(&mut row, of, factor);
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
