//! Backward of a block that some tokens skip, and what it would be worth to let a token through.

use super::credit::Credit;
use super::embedding::named_norm_grad;
use super::gradients::Gradients;
use crate::attention_heads::Heads;
use crate::gate::{StandIn, others, put, rows};
use crate::{Batch, BlockWeights, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// A block at work on a batch of which some tokens skip it.
#[derive(Clone, Copy)]
pub struct RoutedBlock<'a> {
    /// The block, dense.
    pub block: &'a BlockWeights,
    /// All tokens.
    pub batch: &'a Batch,
    /// Places of those that go through, ascending.
    pub kept: &'a [usize],
    /// Hidden states before the block, [tokens, hidden].
    pub x: &'a [f32],
    /// What the others get.
    pub stand_in: Option<&'a StandIn>,
}

/// What a backward pass through a [`RoutedBlock`] gives.
#[derive(Debug, Default)]
pub struct RoutedGrad {
    /// Gradient of `x`.
    pub input: Vec<f32>,
    /// For each token an estimate of the loss with the token in the block less the loss without it: see
    /// [`Network::backward_routed`]. Empty if it was not asked for.
    pub credits: Vec<f64>,
    /// Gradients of the two matrices of the stand-in, [rank, hidden] and [hidden, rank]. Empty without one.
    pub stand_in: [Vec<f32>; 2],
}

impl Network {
    /// Backward of a block that only some tokens go through: the gradient of its input from that of its output, [tokens, hidden]. No
    /// weight of the block learns, so none of their gradients is computed.
    ///
    /// With `credits` it also says what each token is worth to the loss in the block, to first order in what the block gives: the
    /// product of the output's gradient with what the block adds to the token (less what the stand-in adds), and what the token is worth
    /// as a key to the other tokens that go through. Of a token that skips the block, what the block would add is taken from a pass of
    /// all tokens through it. The choice of the tokens and the stand-in have their effect through the states alone; that it may
    /// change what later routers see is left out.
    ///
    /// Takes memory for one [`crate::Saved`] beside it, with `credits` for two. The result is the same bits for any number of threads.
    pub fn backward_routed(
        &self,
        compute: &Compute,
        routed: RoutedBlock<'_>,
        mut grad: Vec<f32>,
        credits: bool,
        gradients: &mut Gradients,
    ) -> RoutedGrad {
        let RoutedBlock {
            block, batch, kept, ..
        } = routed;
        let hidden = self.hidden();
        let part = batch.gather(kept);
        let before = rows(routed.x, hidden, kept);
        let mut after = before.clone();
        let saved =
            self.forward_saving_in(compute, block, &part, &mut after, &mut gradients.buffers);
        let own = rows(&grad, hidden, kept);
        gradients.attended = credits.then(Vec::new);
        let of_kept = self.backward_block(compute, block, &[], &part, &saved, own, gradients);
        let attended = gradients.attended.take();
        saved.give(&mut gradients.buffers);
        let credits = attended.map_or(Vec::new(), |attended| {
            self.credits(compute, routed, &grad, (&after, &attended), gradients)
        });
        put(&of_kept, hidden, kept, &mut grad);
        let stand_in = match routed.stand_in {
            Some(stand_in) => {
                let skipped = others(kept, batch.tokens());
                let x = rows(routed.x, hidden, &skipped);
                let mut of_skipped = rows(&grad, hidden, &skipped);
                let own = stand_in.backward(compute, block.index, &x, &mut of_skipped);
                put(&of_skipped, hidden, &skipped, &mut grad);
                own
            }
            None => Default::default(),
        };
        RoutedGrad {
            input: grad,
            credits,
            stand_in,
        }
    }

    /// See [`Network::backward_routed`]. `after`: states of the kept tokens behind the block; `attended`: the gradient of what attention
    /// gives them.
    fn credits(
        &self,
        compute: &Compute,
        routed: RoutedBlock<'_>,
        grad: &[f32],
        (after, attended): (&[f32], &[f32]),
        gradients: &mut Gradients,
    ) -> Vec<f64> {
        let RoutedBlock {
            block, batch, kept, ..
        } = routed;
        let (hidden, query) = (self.hidden(), self.settings.query_width());
        let mut out = routed.x.to_vec();
        let buffers = &mut gradients.buffers;
        let saved = self.forward_saving_in(compute, block, batch, &mut out, buffers);
        put(after, hidden, kept, &mut out);
        let mut without = routed.x.to_vec();
        if let Some(stand_in) = routed.stand_in {
            stand_in.add(compute, block.index, &mut without);
        }
        let mut of_attended = vec![0.0; batch.tokens() * query];
        put(attended, query, kept, &mut of_attended);
        let mut is_kept = vec![false; batch.tokens()];
        kept.iter().for_each(|place| is_kept[*place] = true);
        let credit = Credit {
            compute,
            heads: &Heads::of(self, block.index, block.distance.as_ref()),
            batch,
            kept: &is_kept,
            qkv: &saved.heads,
            grad: &of_attended,
        };
        let mut credits = match kept.is_empty() {
            true => vec![0.0; batch.tokens()],
            false => credit.of_keys(),
        };
        let states = out.chunks_exact(hidden).zip(without.chunks_exact(hidden));
        for ((credit, grad), (with, without)) in credits
            .iter_mut()
            .zip(grad.chunks_exact(hidden))
            .zip(states)
        {
            let terms = grad.iter().zip(with.iter().zip(without));
            *credit += terms
                .map(|(grad, (with, without))| f64::from(*grad) * f64::from(with - without))
                .sum::<f64>();
        }
        saved.give(&mut gradients.buffers);
        credits
    }

    /// Backward of [`Network::finish`]: the gradient of `x`, the states after the last block, from that of the result.
    pub fn finish_grad(
        &self,
        compute: &Compute,
        weights: &dyn WeightSource,
        x: &[f32],
        grad: Vec<f32>,
    ) -> Result<Vec<f32>, ModelError> {
        let Some(stem) = self.arch.final_norm else {
            return Ok(grad);
        };
        let mut none = Gradients::default();
        named_norm_grad(self, compute, weights, stem, (x, &grad), &mut none)
    }
}
