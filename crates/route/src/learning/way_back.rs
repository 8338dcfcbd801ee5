//! The gradients of a step: from the distillation, back through the routed blocks, to the router.

use super::decisions::{Decisions, Losses};
use super::learner::{Learner, Seen};
use super::recorder::{Before, Recorder, Trace};
use super::training::Training;
use crate::RouteError;
use kerf_model::backward::RoutedBlock;
use kerf_model::evaluate::{Prompt, Runner};
use kerf_model::gate::{Share, StandIn};

impl<L: Learner> Training<'_, L> {
    /// The loss of some windows; its gradients are added.
    pub(super) fn gradients_of(&mut self, chosen: &[usize]) -> Result<f64, RouteError> {
        let (router, stand_in) = self.parts()?;
        let shares = self.shares.clone();
        let recorder = Recorder::new(&router, &shares, self.options.strict, stand_in.as_ref());
        let mut runner = self.runner(&recorder);
        let windows: Vec<&[u32]> = (chosen.iter())
            .map(|window| self.learn.texts()[*window].as_slice())
            .collect();
        let mut trace = recorder.run(&mut runner, &windows, Prompt::UpTo(self.of.prompt))?;
        let (mut loss, mut grad) = self.distil(&mut runner, chosen, &mut trace)?;
        for block in (self.first_routed()..trace.blocks.len()).rev() {
            let before = std::mem::take(&mut trace.blocks[block]);
            let weights = runner.take_block(block)?;
            let routed = RoutedBlock {
                block: &weights,
                batch: &trace.batch,
                kept: &before.kept(),
                x: &before.states,
                stand_in: stand_in.as_ref(),
            };
            let credits = self.is_routed(block);
            let own = self.of.network.backward_routed(
                self.of.compute,
                routed,
                grad,
                credits,
                &mut self.of_blocks,
            );
            runner.keep_block(block, weights);
            let losses = self.add(&router, block, &trace.batch.starts, &before, &own.credits);
            loss += losses.sparsity + losses.guide;
            for (name, own) in StandIn::names(block).iter().zip(&own.stand_in) {
                if let Some(sum) = self.gradients.get_mut(name) {
                    sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                }
            }
            grad = own.input;
        }
        self.decoded = runner.into_decoded();
        Ok(loss)
    }

    /// Whether some tokens skip a block.
    fn is_routed(&self, block: usize) -> bool {
        !self.options.strict || self.shares.of_block(block) != Share::ALL
    }

    /// The first block that tokens skip: before it there is nothing to learn.
    fn first_routed(&self) -> usize {
        let blocks = self.of.network.blocks();
        let mut all = 0..blocks;
        all.find(|block| self.is_routed(*block)).unwrap_or(blocks)
    }

    /// The distillation: its loss, and the gradient of the states after the last block.
    fn distil(
        &self,
        runner: &mut Runner<'_>,
        chosen: &[usize],
        trace: &mut Trace,
    ) -> Result<(f64, Vec<f32>), RouteError> {
        let hidden = self.of.network.hidden();
        let bare = std::mem::take(&mut trace.out);
        let mut states = bare.clone();
        runner.finish(&mut states)?;
        let dense: Vec<&[f32]> = (chosen.iter())
            .map(|window| self.learn.states(*window))
            .collect();
        let own: Vec<f32> = (trace.predicting.iter())
            .flat_map(|place| &states[place * hidden..][..hidden])
            .copied()
            .collect();
        let (kl, rows) = runner.kl_grad(&dense.concat(), &own)?;
        let mut grad = vec![0.0; states.len()];
        let (mut loss, mut first) = (0.0, 0);
        for count in &trace.predictions {
            let range = first..first + count;
            first += count;
            let part = 1.0 / (chosen.len() * count) as f64;
            loss += part * kl[range.clone()].iter().sum::<f64>();
            for (place, row) in range.clone().zip(&trace.predicting[range]) {
                let out = &mut grad[row * hidden..][..hidden];
                let own = &rows[place * hidden..][..hidden];
                out.iter_mut()
                    .zip(own)
                    .for_each(|(out, own)| *out = own * part as f32);
            }
        }
        let (network, compute) = (self.of.network, self.of.compute);
        let grad = network.finish_grad(compute, self.of.weights, &bare, grad)?;
        Ok((loss, grad))
    }

    /// Adds the gradients of the router at a block.
    fn add(
        &mut self,
        router: &L,
        block: usize,
        starts: &[usize],
        before: &Before,
        credits: &[f64],
    ) -> Losses {
        if !self.is_routed(block) {
            return Losses::default();
        }
        let decisions = Decisions {
            tokens: &before.tokens,
            starts,
            share: self.shares.of_block(block),
            strict: self.options.strict,
            blocks: self.shares.0.len(),
            guide: self.options.guide(self.progress.step),
        };
        let (of_z, losses) = decisions.backward(credits);
        let seen = Seen {
            block,
            states: &before.states,
            factors: &before.factors,
        };
        router.backward(seen, &of_z, &mut self.gradients);
        losses
    }
}
