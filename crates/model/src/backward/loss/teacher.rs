//! Divergence from another model's next-token distribution.

use super::vocabulary::{Piece, Rule, Vocabulary, gather, scatter};
use super::{Loss, Place};
use crate::backward::Gradients;
use crate::evaluate::Pieces;
use crate::evaluate::head::Head;
use crate::evaluate::softmax::{First, Pair, log_sum};
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use std::borrow::Cow;
use std::ops::Range;

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

/// [`Teacher`] with a temperature T: T^2 KL of the distributions of logits / T (Hinton, Vinyals and Dean 2015). The factor keeps the
/// gradient as large as that of the labels beside it.
pub struct Softened<'a> {
    teacher: Teacher<'a>,
    temperature: f32,
}

impl<'a> Teacher<'a> {
    /// The same at a temperature above 0.
    pub fn softened(self, temperature: f32) -> Softened<'a> {
        Softened {
            teacher: self,
            temperature,
        }
    }
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
        self.backward_at(1.0, place, states, share, gradients)
    }
}

impl Loss for Softened<'_> {
    fn count(&self) -> usize {
        self.teacher.count()
    }

    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        (self.teacher).backward_at(self.temperature, place, states, share, gradients)
    }
}

impl Teacher<'_> {
    fn backward_at(
        &self,
        temperature: f32,
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
        let count = self.tokens.len() as f64;
        let teacher = (&head, self.weights, &other[..]);
        let mut rule = Distributions {
            temperature,
            factor: (f64::from(share) / count) as f32 * temperature,
            ..Distributions::new(compute, teacher, self.tokens.len())
        };
        let out = of.backward(pieces, &mut rule, gradients)?;
        let sum = rule.divergences().iter().sum::<f64>();
        let loss = sum / count * f64::from(temperature).powi(2);
        Ok((loss, scatter(&out, hidden, &self.tokens, states.len())))
    }
}

/// Divergence of each row from the teacher's distribution.
pub(super) struct Distributions<'a> {
    compute: &'a Compute,
    /// Its head, weights, and states of the rows.
    teacher: (&'a Head, &'a dyn WeightSource, &'a [f32]),
    temperature: f32,
    factor: f32,
    known: Vec<Pair>,
    /// The teacher's logits over the temperature at a piece, and the rows and tokens of that.
    wanted: Vec<f32>,
    wanted_at: (Range<usize>, Range<usize>),
}

impl<'a> Distributions<'a> {
    /// Of so many rows, each of which counts fully.
    pub fn new(
        compute: &'a Compute,
        teacher: (&'a Head, &'a dyn WeightSource, &'a [f32]),
        rows: usize,
    ) -> Self {
        Self {
            compute,
            teacher,
            temperature: 1.0,
            factor: 1.0,
            known: vec![Pair::EMPTY; rows],
            wanted: Vec::new(),
            wanted_at: (0..0, 0..0),
        }
    }

    /// Those of all rows, after the last piece.
    pub fn divergences(&self) -> Vec<f64> {
        self.known.iter().map(|pair| pair.kl).collect()
    }

    /// The teacher's logits over the temperature at a piece.
    fn teach(&mut self, piece: &Piece<'_>) -> Result<(), ModelError> {
        let at = (piece.rows.clone(), piece.tokens.clone());
        if self.wanted_at == at {
            return Ok(());
        }
        let ((head, weights, states), compute) = (self.teacher, self.compute);
        let weight = head.piece(compute, weights, piece.tokens.clone())?;
        let x = &states[piece.rows.start * head.hidden()..piece.rows.end * head.hidden()];
        head.logits_into(
            compute,
            x,
            (&weight[..], piece.tokens.clone()),
            &mut self.wanted,
        );
        divide(&mut self.wanted, self.temperature);
        self.wanted_at = at;
        Ok(())
    }
}

impl Rule for Distributions<'_> {
    fn look(&mut self, piece: &Piece<'_>) -> Result<(), ModelError> {
        self.teach(piece)?;
        let (width, compute, temperature) = (piece.tokens.len(), self.compute, self.temperature);
        let (known, wanted) = (&mut self.known[piece.rows.clone()], &self.wanted);
        compute.pool.chunks_mut(known, 1, |row, known| {
            let own = row * width..(row + 1) * width;
            let (p, q) = (
                &wanted[own.clone()],
                softened(&piece.logits[own], temperature),
            );
            let pair = Pair::of(compute, &First::of(compute, p), p, &q);
            known[0] = known[0].join(pair);
        });
        Ok(())
    }

    fn grad(&mut self, piece: &Piece<'_>, copy: &mut [f32]) -> Result<(), ModelError> {
        self.teach(piece)?;
        let (width, first, compute) = (piece.tokens.len(), piece.rows.start, self.compute);
        compute.pool.chunks_mut(copy, width, |row, grad| {
            let pair = self.known[first + row];
            let mut p = self.wanted[row * width..][..width].to_vec();
            divide(grad, self.temperature);
            let of_p = (log_sum(compute, &p) - pair.p).exp() as f32 * self.factor;
            let of_q = (log_sum(compute, grad) - pair.q).exp() as f32 * self.factor;
            compute.kernels.softmax(&mut p);
            compute.kernels.softmax(grad);
            grad.iter_mut()
                .zip(&p)
                .for_each(|(q, p)| *q = *q * of_q - p * of_p);
        });
        Ok(())
    }
}

/// Logits over a temperature.
fn softened(logits: &[f32], temperature: f32) -> Cow<'_, [f32]> {
    let mut logits = Cow::Borrowed(logits);
    if temperature != 1.0 {
        divide(logits.to_mut(), temperature);
    }
    logits
}

fn divide(logits: &mut [f32], temperature: f32) {
    if temperature != 1.0 {
        logits.iter_mut().for_each(|logit| *logit /= temperature);
    }
}
