//! A model on its way through its blocks, from one shared input to the next, with one group of matrices in memory at a time.

use crate::{Batch, BlockWeights, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// What a model computes for a batch, as far as it has come. It is at the start of a block, or at a shared input of the block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walker {
    /// Residual stream [tokens, hidden].
    pub x: Vec<f32>,
    /// The shared input that was reached, [tokens, cols]; empty at the start of a block.
    pub input: Vec<f32>,
}

impl Walker {
    /// At the start of the first block.
    pub fn start(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        batch: &Batch,
    ) -> Result<Self, ModelError> {
        let x = network.embed(compute, weights, batch)?;
        let input = Vec::new();
        Ok(Self { x, input })
    }

    /// Reads what [`Walker::step`] needs in a block: past the shared input `at`, or, with `None`, from the start of the block to its
    /// first shared input.
    pub fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
        block: usize,
        at: Option<usize>,
    ) -> Result<BlockWeights, ModelError> {
        match at {
            None => network.load_norms(compute, weights, block),
            Some(input) => network.load_part(compute, weights, block, input),
        }
    }

    /// To the next shared input of the block, or past the last one to the start of the next block. `at` is the shared input that was
    /// reached, `None` at the start of the block; `weights` are those that [`Walker::load`] reads there.
    pub fn step(
        &mut self,
        network: &Network,
        compute: &Compute,
        weights: &BlockWeights,
        batch: &Batch,
        at: Option<usize>,
    ) {
        let seen = std::mem::take(&mut self.input);
        self.input = match at {
            None => network.first_input(compute, weights, batch, &self.x),
            Some(input) => network.next_input(compute, weights, batch, input, &mut self.x, seen),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::models;

    #[test]
    fn steps_give_what_whole_blocks_give_to_the_bit_in_every_model() {
        let compute = Compute::new(None, 2).unwrap();
        for model in models() {
            let (network, weights) = (&model.network, &model.weights);
            let ids = |count: u32, first: u32| -> Vec<u32> {
                let vocab = network.vocab() as u32;
                (0..count).map(|i| (first + i * 7) % vocab).collect()
            };
            let batch = Batch::new(&[ids(9, 3), ids(5, 11)]);
            let mut whole = network.embed(&compute, weights, &batch).unwrap();
            let mut walker = Walker::start(network, &compute, weights, &batch).unwrap();
            for block in 0..network.blocks() {
                let loaded = network.load_block(&compute, weights, block).unwrap();
                network.run_block(&compute, &loaded, &batch, &mut whole, None);
                for at in std::iter::once(None).chain((0..network.inputs()).map(Some)) {
                    assert_eq!(at.is_none(), walker.input.is_empty(), "{}", model.name);
                    let part = Walker::load(network, &compute, weights, block, at).unwrap();
                    walker.step(network, &compute, &part, &batch, at);
                }
                let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
                let equal = walker.x.iter().zip(&whole).all(same);
                assert!(equal, "{}, block {block}", model.name);
                assert_eq!(walker.x.len(), whole.len());
            }
        }
    }
}
