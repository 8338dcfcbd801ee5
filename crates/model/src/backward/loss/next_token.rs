//! Cross-entropy of the next token.

use super::vocabulary::{Piece, Rule, Vocabulary, gather, scatter};
use super::{Loss, Place};
use crate::backward::Gradients;
use crate::evaluate::Pieces;
use crate::evaluate::softmax::{log_add, log_sum};
use crate::{Batch, ModelError};
use kerf_kernels::Compute;

/// Mean of -ln of the probability of the token that follows, over the predictions that count.
pub struct NextToken {
    /// Places of the tokens that predict, and what follows each.
    predicted: Vec<(usize, u32)>,
    /// How the vocabulary is cut, where not by the network.
    pieces: Option<Pieces>,
}

impl NextToken {
    /// Predictions within the sequences of a batch of which `counts` says so by the place of the token that is predicted (such as: it
    /// belongs to the completion).
    pub fn of(batch: &Batch, counts: impl Fn(usize) -> bool) -> Self {
        let pairs = batch.starts.windows(2);
        let targets = pairs.flat_map(|pair| pair[0] + 1..pair[1]);
        let targets = targets.filter(|place| counts(*place));
        Self {
            predicted: targets.map(|at| (at - 1, batch.ids[at])).collect(),
            pieces: None,
        }
    }

    /// The same, with the vocabulary cut in this way.
    #[must_use]
    pub fn in_pieces(mut self, pieces: Pieces) -> Self {
        self.pieces = Some(pieces);
        self
    }
}

impl Loss for NextToken {
    fn count(&self) -> usize {
        self.predicted.len()
    }

    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (compute, hidden) = (place.compute, place.network.hidden());
        if self.predicted.is_empty() {
            return Ok((0.0, vec![0.0; states.len()]));
        }
        let tokens: Vec<usize> = self.predicted.iter().map(|(place, _)| *place).collect();
        let seen = gather(states, hidden, &tokens);
        let of = Vocabulary::new(place, &seen)?;
        let pieces = self.pieces.unwrap_or_else(|| Pieces::of(place.network));
        let count = tokens.len() as f64;
        let mut rule = Targets {
            compute,
            predicted: &self.predicted,
            known: vec![(f64::NEG_INFINITY, 0.0); tokens.len()],
            factor: (f64::from(share) / count) as f32,
        };
        let out = of.backward(pieces, &mut rule, gradients)?;
        let losses = rule.known.iter().map(|(sum, target)| sum - target);
        let loss = losses.sum::<f64>() / count;
        Ok((loss, scatter(&out, hidden, &tokens, states.len())))
    }
}

/// Cross-entropy of each row to its token.
struct Targets<'a> {
    compute: &'a Compute,
    predicted: &'a [(usize, u32)],
    /// Of each row the logarithm of the sum of exponentials so far, and the logit of the target.
    known: Vec<(f64, f64)>,
    factor: f32,
}

impl Rule for Targets<'_> {
    fn look(&mut self, piece: &Piece<'_>) -> Result<(), ModelError> {
        let (width, compute) = (piece.tokens.len(), self.compute);
        let known = &mut self.known[piece.rows.clone()];
        compute.pool.chunks_mut(known, 1, |row, known| {
            let own = &piece.logits[row * width..][..width];
            known[0].0 = log_add(known[0].0, log_sum(compute, own));
            let target = self.predicted[piece.rows.start + row].1 as usize;
            if piece.tokens.contains(&target) {
                known[0].1 = f64::from(own[target - piece.tokens.start]);
            }
        });
        Ok(())
    }

    fn grad(&mut self, piece: &Piece<'_>, copy: &mut [f32]) -> Result<(), ModelError> {
        let (width, first, compute) = (piece.tokens.len(), piece.rows.start, self.compute);
        compute.pool.chunks_mut(copy, width, |row, grad| {
            let own = match piece.whole {
                true => self.factor,
                false => {
                    let share = log_sum(compute, grad) - self.known[first + row].0;
                    share.exp() as f32 * self.factor
                }
            };
            compute.kernels.softmax(grad);
            grad.iter_mut().for_each(|p| *p *= own);
            let target = self.predicted[first + row].1 as usize;
            if piece.tokens.contains(&target) {
                grad[target - piece.tokens.start] -= self.factor;
            }
        });
        Ok(())
    }
}
