//! BlockPruner (Zhong et al., arXiv 2406.10594): attention or MLP of blocks are dropped one after the other, each time the one without
//! which the perplexity on calibration text is lowest.

use crate::RouteError;
use crate::passage::Passage;
use kerf_kernels::Compute;
use kerf_model::gate::{DroppedParts, Removal};
use kerf_model::{Network, Part, WeightSource};
use kerf_run::{CancelCheck, Event, Host, Journal, Record, Stage};
use kerf_tensors::Workspace;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a removal cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pruned {
    /// What was dropped.
    pub removal: Removal,
    /// Mean negative log likelihood (nats) on the calibration text without it and all before it.
    pub nll: f64,
}

/// What to prune, and on which text.
pub struct PartPruning<'a> {
    /// The network, a decoder.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a dyn WeightSource,
    /// The machine.
    pub compute: &'a Compute,
    /// Calibration text.
    pub sequences: &'a [Vec<u32>],
    /// Share of the weights of all blocks that shall go.
    pub share: f64,
    /// Names model, text and version: a journal of another name is cleared. The share may change, for one order serves all.
    pub fingerprint: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Step {
    pruned: Pruned,
}

impl PartPruning<'_> {
    /// What is dropped, in order, until the share is reached. Each removal is a unit: a run that was stopped goes on.
    ///
    /// Cost: for each removal about half a pass of the model for each part that is left, since what stands before a part is computed
    /// once for all. Memory: all decoded blocks, and the hidden states of the text twice. `EMPTY`, `CANCELLED`, and what may go wrong
    /// with files and model.
    pub fn run(
        &self,
        workspace: Arc<dyn Workspace>,
        host: &mut dyn Host,
    ) -> Result<Vec<Pruned>, RouteError> {
        let cancel = CancelCheck::new(self.compute.pool.clone(), workspace.name());
        let mut journal: Journal<Step> = Journal::open(workspace, self.fingerprint)?;
        let mut passage = None;
        let (mut order, mut dropped) = (Vec::new(), DroppedParts::default());
        while self.removed(&dropped) < self.share - 1e-9 {
            let unit = format!("removal:{}", order.len());
            let done = journal.get(&unit).map(|record| record.payload.pruned);
            let found = match done {
                Some(pruned) => Some(pruned),
                None => {
                    let passage = match &mut passage {
                        Some(passage) => passage,
                        none => none.insert(Passage::new(
                            self.network,
                            self.weights,
                            self.compute,
                            self.sequences,
                        )?),
                    };
                    self.best(passage, &dropped, &cancel, host)?
                }
            };
            let Some(pruned) = found else {
                break;
            };
            if done.is_none() {
                let file = format!("removal-{}.json", order.len());
                journal.put_value(Record::new(unit, file, Step { pruned }), &pruned)?;
            }
            dropped.removed.push(pruned.removal);
            order.push(pruned);
        }
        Ok(order)
    }

    /// Share of the weights that is dropped.
    fn removed(&self, dropped: &DroppedParts) -> f64 {
        let [attention, mlp] = self.network.part_weights();
        let weights = dropped.removed.iter().map(|removal| match removal.part {
            Part::Attention => attention,
            Part::Mlp => mlp,
            Part::Block => attention + mlp,
        });
        let all = (attention + mlp) * self.network.blocks() as u64;
        weights.sum::<u64>() as f64 / all as f64
    }

    /// The part without which the text is likeliest; `None` if none is left.
    fn best(
        &self,
        passage: &mut Passage<'_>,
        dropped: &DroppedParts,
        cancel: &CancelCheck,
        host: &mut dyn Host,
    ) -> Result<Option<Pruned>, RouteError> {
        let mut best: Option<Pruned> = None;
        let mut x = passage.start()?;
        let removed = self.removed(dropped) / self.share;
        for block in 0..self.network.blocks() {
            for part in [Part::Attention, Part::Mlp] {
                let removal = Removal { block, part };
                if dropped.removed.contains(&removal) {
                    continue;
                }
                let mut tried = dropped.clone();
                tried.removed.push(removal);
                let nll = passage.loss(block, &tried, x.clone())?;
                cancel.check(host)?;
                if best.is_none_or(|best| nll < best.nll) {
                    best = Some(Pruned { removal, nll });
                }
            }
            let (done, total) = (block as u64 + 1, self.network.blocks() as u64);
            let name = format!("removal {}", dropped.removed.len() + 1);
            let event = Event::new(Stage::Search, done, total, "blocks", &name);
            host.event(event.within(removed, removed));
            passage.step(block, dropped, &mut x);
        }
        Ok(best)
    }
}
