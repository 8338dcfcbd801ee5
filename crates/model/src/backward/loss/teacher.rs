//! Divergence from another model's next-token distribution.

use super::vocabulary::{Piece, Vocabulary, gather, scatter};
use super::{Loss, Place};
use crate::backward::Gradients;
use crate::evaluate::Pieces;
use crate::evaluate::head::Head;
use crate::evaluate::softmax::{First, Pair, log_sum};
use crate::{ModelError, Network, WeightSource};

/// Mean of KL(teacher || model) over next-token distributions, in nats. `BAD_CONFIG` unless both have a vocabulary of one size.
pub struct Teacher<'a> {
    /// The other network.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a dyn WeightSource,
    /// Its last hidden states for the same batch, see [`crate::backward::hidden_states`].
    pub states: &'a [f32],
    /// Places of the tokens whose distributions count, ascending.
    pub tokens: Vec<usize>,
    /// How the vocabulary is cut; `None`: as the wider of both networks has it.
    pub pieces: Option<Pieces>,
}

impl Loss for Teacher<'_> {
    fn count(&self) -> usize {
        self.tokens.len()
    }

    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (compute, hidden) = (place.compute, place.network.hidden());
        if self.tokens.is_empty() {
            return Ok((0.0, vec![0.0; states.len()]));
        }
        let vocab = self.network.vocab();
        if vocab != place.network.vocab() {
            return Err(ModelError::BadConfig {
                field: "vocab_size".into(),
                expected: format!("{vocab}, as the teacher has"),
                actual: place.network.vocab().to_string(),
            });
        }
        let seen = gather(states, hidden, &self.tokens);
        let other = gather(self.states, self.network.hidden(), &self.tokens);
        let of = Vocabulary::new(place, &seen)?;
        let head = Head::load(self.network, compute, self.weights, u64::MAX)?;
        let widest = hidden.max(self.network.hidden());
        let pieces = self.pieces.unwrap_or_else(|| Pieces::new(vocab, widest));
        let mut wanted = Vec::new();
        let mut teach = |rows: &std::ops::Range<usize>, tokens: &std::ops::Range<usize>| {
            let width = self.network.hidden();
            let weight = head.piece(compute, self.weights, tokens.clone())?;
            let x = &other[rows.start * width..rows.end * width];
            head.logits_into(compute, x, (&weight[..], tokens.clone()), &mut wanted);
            Ok::<Vec<f32>, ModelError>(std::mem::take(&mut wanted))
        };
        let mut known = vec![Pair::EMPTY; self.tokens.len()];
        let add = |piece: &Piece<'_>, p: &[f32], known: &mut [Pair]| {
            let width = piece.tokens.len();
            let known = &mut known[piece.rows.clone()];
            compute.pool.chunks_mut(known, 1, |row, known| {
                let own = row * width..(row + 1) * width;
                let (p, q) = (&p[own.clone()], &piece.logits[own]);
                let pair = Pair::of(compute, &First::of(compute, p), p, q);
                known[0] = known[0].join(pair);
            });
        };
        // As for the next token: a vocabulary of one piece is gone through once.
        let once = pieces.ranges().count() == 1;
        if !once {
            of.walk(pieces, &mut |piece, _| {
                let p = teach(&piece.rows, &piece.tokens)?;
                add(&piece, &p, &mut known);
                Ok(())
            })?;
        }
        let count = self.tokens.len() as f64;
        let factor = (f64::from(share) / count) as f32;
        let mut out = vec![0.0; seen.len()];
        of.walk(pieces, &mut |piece, weight| {
            let (width, first) = (piece.tokens.len(), piece.rows.start);
            let p = teach(&piece.rows, &piece.tokens)?;
            if once {
                add(&piece, &p, &mut known);
            }
            let mut grad = piece.logits.clone();
            compute.pool.chunks_mut(&mut grad, width, |row, grad| {
                let pair = known[first + row];
                let mut p = p[row * width..][..width].to_vec();
                let of_p = (log_sum(compute, &p) - pair.p).exp() as f32 * factor;
                let of_q = (log_sum(compute, grad) - pair.q).exp() as f32 * factor;
                compute.kernels.softmax(&mut p);
                compute.kernels.softmax(grad);
                grad.iter_mut()
                    .zip(&p)
                    .for_each(|(q, p)| *q = *q * of_q - p * of_p);
            });
            let at = (&piece.rows, &piece.tokens);
            of.head_grad(at, weight, piece.logits, &mut grad, &mut out, gradients);
            Ok(())
        })?;
        let loss = known.iter().map(|pair| pair.kl).sum::<f64>() / count;
        Ok((loss, scatter(&out, hidden, &self.tokens, states.len())))
    }
}
