//! Divergence of a model that skips from the same model that does not: one head serves both.

use super::Place;
use super::teacher::Distributions;
use super::vocabulary::Vocabulary;
use crate::backward::Gradients;
use crate::evaluate::{Pieces, Runner};
use crate::{Batch, ModelError};

impl Runner<'_> {
    /// KL(p || q) of each row in nats, where p are the next-token distributions of the last hidden states `dense` and q those of `states`,
    /// [rows, hidden] both, through the head of the model.
    pub fn kl(&mut self, dense: &[f32], states: &[f32]) -> Result<Vec<f64>, ModelError> {
        Ok(self.divergence(dense, states, false)?.0)
    }

    /// [`Runner::kl`] with the gradient of each row's divergence, [rows, hidden].
    pub fn kl_grad(
        &mut self,
        dense: &[f32],
        states: &[f32],
    ) -> Result<(Vec<f64>, Vec<f32>), ModelError> {
        self.divergence(dense, states, true)
    }

    fn divergence(
        &mut self,
        dense: &[f32],
        states: &[f32],
        with_grad: bool,
    ) -> Result<(Vec<f64>, Vec<f32>), ModelError> {
        let place = Place {
            network: self.network,
            compute: self.compute,
            weights: self.weights,
            batch: &Batch::new::<&[u32]>(&[]),
        };
        let head = self.take_head()?;
        let of = Vocabulary {
            place,
            head,
            states,
        };
        let pieces = Pieces::of(self.network);
        let teacher = (&of.head, self.weights, dense);
        let rows = states.len() / self.network.hidden();
        let mut rule = Distributions::new(self.compute, teacher, rows);
        let grad = match with_grad {
            true => of.backward(pieces, &mut rule, &mut Gradients::default()),
            false => of.look(pieces, &mut rule).map(|()| Vec::new()),
        };
        let kl = rule.divergences();
        self.keep_head(of.head);
        Ok((kl, grad?))
    }
}
