//! Cross-entropy of the next token.

use super::vocabulary::{Piece, Vocabulary, gather, scatter};
use super::{Loss, Place};
use crate::backward::Gradients;
use crate::evaluate::Pieces;
use crate::evaluate::softmax::{log_add, log_sum};
use crate::{Batch, ModelError};

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
        // The logarithm of the sum so far, and the logit of the target.
        let mut known = vec![(f64::NEG_INFINITY, 0.0); tokens.len()];
        let add = |piece: &Piece<'_>, known: &mut [(f64, f64)]| {
            let width = piece.tokens.len();
            let known = &mut known[piece.rows.clone()];
            compute.pool.chunks_mut(known, 1, |row, known| {
                let own = &piece.logits[row * width..][..width];
                known[0].0 = log_add(known[0].0, log_sum(compute, own));
                let target = self.predicted[piece.rows.start + row].1 as usize;
                if piece.tokens.contains(&target) {
                    known[0].1 = f64::from(own[target - piece.tokens.start]);
                }
            });
        };
        // A vocabulary of one piece is gone through once: the sums of its rows are known at once.
        let once = pieces.ranges().count() == 1;
        if !once {
            of.walk(pieces, &mut |piece, _| {
                add(&piece, &mut known);
                Ok(())
            })?;
        }
        let count = tokens.len() as f64;
        let factor = (f64::from(share) / count) as f32;
        let mut out = vec![0.0; seen.len()];
        of.walk(pieces, &mut |piece, weight| {
            if once {
                add(&piece, &mut known);
            }
            let (width, first) = (piece.tokens.len(), piece.rows.start);
            let mut grad = piece.logits.clone();
            compute.pool.chunks_mut(&mut grad, width, |row, grad| {
                let own = match once {
                    true => factor,
                    false => (log_sum(compute, grad) - known[first + row].0).exp() as f32 * factor,
                };
                compute.kernels.softmax(grad);
                grad.iter_mut().for_each(|p| *p *= own);
                let target = self.predicted[first + row].1 as usize;
                if piece.tokens.contains(&target) {
                    grad[target - piece.tokens.start] -= factor;
                }
            });
            let at = (&piece.rows, &piece.tokens);
            of.head_grad(at, weight, piece.logits, &mut grad, &mut out, gradients);
            Ok(())
        })?;
        let loss = known.iter().map(|(sum, target)| sum - target).sum::<f64>() / count;
        Ok((loss, scatter(&out, hidden, &tokens, states.len())))
    }
}
