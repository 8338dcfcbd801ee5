//! Losses over a vocabulary, in its pieces: no more logits are in memory than [`Pieces`] says.
//!
//! The pieces are gone through twice: for the sums of exponentials, and for the gradient, which needs them.

use super::Place;
use crate::ModelError;
use crate::backward::Gradients;
use crate::evaluate::Pieces;
use crate::evaluate::head::Head;
use kerf_kernels::{MatMut, MatRef};
use std::ops::Range;

/// A head that learns, and the states [rows, hidden] that it sees.
pub(super) struct Vocabulary<'a> {
    pub place: Place<'a>,
    pub head: Head,
    pub states: &'a [f32],
}

/// Some logits [rows, tokens].
pub(super) struct Piece<'p> {
    pub rows: Range<usize>,
    pub tokens: Range<usize>,
    pub logits: &'p mut Vec<f32>,
    /// Whether these are all tokens of the vocabulary: what is known of the rows then comes from this piece alone.
    pub whole: bool,
}

/// A loss of logits in pieces. It sees every piece first, and then each once more, to give its gradient.
pub(super) trait Rule {
    /// Adds a piece to what is known of its rows.
    fn look(&mut self, piece: &Piece<'_>) -> Result<(), ModelError>;

    /// Turns a copy of the logits of a piece into their gradient.
    fn grad(&mut self, piece: &Piece<'_>, copy: &mut [f32]) -> Result<(), ModelError>;
}

/// Gets each piece of the logits, with the weights [tokens, hidden] of its tokens.
type Each<'e> = dyn FnMut(Piece<'_>, &[f32]) -> Result<(), ModelError> + 'e;

impl<'a> Vocabulary<'a> {
    pub fn new(place: Place<'a>, states: &'a [f32]) -> Result<Self, ModelError> {
        let head = Head::load(place.network, place.compute, place.weights, u64::MAX)?;
        Ok(Self {
            place,
            head,
            states,
        })
    }

    /// The gradient of the states; adds that of the head to `gradients`. The pieces are gone through twice, unless there is one.
    pub fn backward(
        &self,
        pieces: Pieces,
        rule: &mut dyn Rule,
        gradients: &mut Gradients,
    ) -> Result<Vec<f32>, ModelError> {
        let once = pieces.ranges().count() == 1;
        if !once {
            self.look(pieces, rule)?;
        }
        let mut out = vec![0.0; self.states.len()];
        let mut grad = Vec::new();
        self.walk(pieces, &mut |piece, weight| {
            if once {
                rule.look(&piece)?;
            }
            grad.clone_from(piece.logits);
            rule.grad(&piece, &mut grad)?;
            let at = (&piece.rows, &piece.tokens);
            self.head_grad(at, weight, piece.logits, &mut grad, &mut out, gradients);
            Ok(())
        })?;
        Ok(out)
    }

    /// Lets a rule see every piece once, without a gradient.
    pub fn look(&self, pieces: Pieces, rule: &mut dyn Rule) -> Result<(), ModelError> {
        self.walk(pieces, &mut |piece, _| rule.look(&piece))
    }

    /// Goes through all logits: piece by piece of the vocabulary, some rows at a time.
    fn walk(&self, pieces: Pieces, each: &mut Each<'_>) -> Result<(), ModelError> {
        let (compute, hidden) = (self.place.compute, self.head.hidden());
        let rows = self.states.len() / hidden;
        let mut logits = Vec::new();
        for tokens in pieces.ranges() {
            let weight = self
                .head
                .piece(compute, self.place.weights, tokens.clone())?;
            for start in (0..rows).step_by(pieces.rows()) {
                let rows = start..rows.min(start + pieces.rows());
                let x = &self.states[rows.start * hidden..rows.end * hidden];
                let of = (&weight[..], tokens.clone());
                self.head.logits_into(compute, x, of, &mut logits);
                let piece = Piece {
                    rows,
                    tokens: tokens.clone(),
                    logits: &mut logits,
                    whole: tokens.len() == self.place.network.vocab(),
                };
                each(piece, &weight)?;
            }
        }
        Ok(())
    }

    /// Backward of the head at a piece: `capped` are its logits, `grad` their gradient; `out` [rows of all, hidden] gets that of the
    /// states added.
    fn head_grad(
        &self,
        piece: (&Range<usize>, &Range<usize>),
        weight: &[f32],
        capped: &[f32],
        grad: &mut [f32],
        out: &mut [f32],
        gradients: &mut Gradients,
    ) {
        let (rows, tokens) = piece;
        let (compute, hidden) = (self.place.compute, self.head.hidden());
        if let Some(cap) = self.head.cap() {
            for (grad, logit) in grad.iter_mut().zip(capped) {
                *grad *= 1.0 - (logit / cap).powi(2);
            }
        }
        let (count, width) = (rows.len(), tokens.len());
        let of_states = rows.start * hidden..rows.end * hidden;
        let grad_of = MatRef::dense(grad, count, width);
        compute.linalg.gemm_nn(
            MatMut::dense(&mut out[of_states.clone()], count, hidden),
            grad_of,
            MatRef::dense(weight, width, hidden),
            1.0,
            1.0,
        );
        let network = self.place.network;
        if let Some(own) = network.head().and_then(|name| gradients.get_mut(name)) {
            let own = &mut own[tokens.start * hidden..tokens.end * hidden];
            let x = MatRef::dense(&self.states[of_states], count, hidden);
            let own = MatMut::dense(own, width, hidden);
            compute.linalg.gemm_tn(own, grad_of, x, 1.0, 1.0);
        }
        if let Some(own) = network.head_bias().and_then(|name| gradients.get_mut(name)) {
            for row in grad.chunks_exact(width) {
                compute.kernels.add(row, &mut own[tokens.clone()]);
            }
        }
    }
}

/// States of some tokens.
pub(super) fn gather(states: &[f32], hidden: usize, tokens: &[usize]) -> Vec<f32> {
    let rows = tokens
        .iter()
        .flat_map(|token| &states[token * hidden..][..hidden]);
    rows.copied().collect()
}

/// Puts rows back to their tokens, with zeros elsewhere.
pub(super) fn scatter(rows: &[f32], hidden: usize, tokens: &[usize], len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    for (token, row) in tokens.iter().zip(rows.chunks_exact(hidden)) {
        out[token * hidden..][..hidden].copy_from_slice(row);
    }
    out
}
