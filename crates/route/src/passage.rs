//! Texts on their way through the blocks, which are all in memory: for measures that leave parts of blocks out.

use crate::RouteError;
use kerf_kernels::Compute;
use kerf_model::evaluate::Runner;
use kerf_model::gate::{DroppedParts, Phase, Router};
use kerf_model::{Batch, BlockWeights, ModelError, Network, WeightSource};

/// A decoder with all its blocks in memory, and texts for it.
pub struct Passage<'a> {
    network: &'a Network,
    weights: &'a dyn WeightSource,
    compute: &'a Compute,
    batch: Batch,
    blocks: Vec<BlockWeights>,
    targets: Vec<Option<u32>>,
    head: Runner<'a>,
}

impl<'a> Passage<'a> {
    /// Reads all blocks.
    pub fn new(
        network: &'a Network,
        weights: &'a dyn WeightSource,
        compute: &'a Compute,
        sequences: &[Vec<u32>],
    ) -> Result<Self, RouteError> {
        let batch = Batch::new(sequences);
        let targets: Vec<Option<u32>> = sequences
            .iter()
            .flat_map(|ids| ids.iter().skip(1).map(|id| Some(*id)).chain([None]))
            .take(batch.tokens())
            .collect();
        if targets.iter().all(Option::is_none) {
            return Err(ModelError::Empty {
                what: "the calibration text".into(),
                fix: "give a text of two tokens at least".into(),
            }
            .into());
        }
        let blocks = (0..network.blocks()).map(|block| network.load_block(compute, weights, block));
        Ok(Self {
            network,
            weights,
            compute,
            batch,
            blocks: blocks.collect::<Result<_, _>>()?,
            targets,
            head: Runner::new(network, weights, compute, u64::MAX),
        })
    }

    /// Hidden states before the first block.
    pub fn start(&self) -> Result<Vec<f32>, RouteError> {
        Ok(self
            .network
            .embed(self.compute, self.weights, &self.batch)?)
    }

    /// One block, without what is dropped of it.
    pub fn step(&self, block: usize, dropped: &DroppedParts, x: &mut [f32]) {
        let block = &self.blocks[block];
        let mut router = Router::new(dropped, Phase::Prompt, &self.batch);
        router.run_block(self.network, self.compute, block, &self.batch, x, None);
    }

    /// Mean negative log likelihood of the tokens, from the hidden states before block `from`.
    pub fn loss(
        &mut self,
        from: usize,
        dropped: &DroppedParts,
        mut x: Vec<f32>,
    ) -> Result<f64, RouteError> {
        for block in from..self.blocks.len() {
            self.step(block, dropped, &mut x);
        }
        self.network.finish(self.compute, self.weights, &mut x)?;
        let losses = self.head.losses(&x, &self.targets)?;
        let count = losses.iter().flatten().count();
        Ok(losses.iter().flatten().sum::<f64>() / count as f64)
    }
}
