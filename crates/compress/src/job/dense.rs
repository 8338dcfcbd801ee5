//! The dense model over a part of the calibration, block by block, before anything is compressed.

use super::{Job, batches};
use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use kerf_model::{Batch, finite};
use kerf_run::Host;
use kerf_tensors::transpose;

/// What the dense model computes for some tokens, at the start of a block.
pub(super) struct Dense {
    block: usize,
    batches: Vec<Batch>,
    /// Residual stream of each batch [tokens, hidden].
    x: Vec<Vec<f32>>,
}

/// Gets a shared input and its values [tokens, cols].
pub(super) type Visit<'v> = dyn FnMut(InputId, &[f32]) -> Result<(), CompressError> + 'v;

impl Job {
    /// All calibration sequences.
    pub(super) fn sequences(&self) -> Vec<Vec<u32>> {
        let of_batch = |batch: &Batch| {
            let sequences = (0..batch.sequences()).map(|index| batch.sequence(index).to_vec());
            sequences.collect::<Vec<_>>()
        };
        self.batches.iter().flat_map(of_batch).collect()
    }

    /// The dense model at the start of a block: where the last unit left it, or from the token ids of `sample` on.
    pub(super) fn dense_at(
        &mut self,
        block: usize,
        host: &mut dyn Host,
        sample: impl FnOnce(&Self) -> Vec<Vec<u32>>,
    ) -> Result<Dense, CompressError> {
        let at_hand = self.dense.take().filter(|dense| dense.block <= block);
        let mut dense = match at_hand {
            Some(dense) => dense,
            None => self.dense_start(&sample(self))?,
        };
        while dense.block < block {
            self.walk_block(&mut dense, &mut |_, _| Ok(()))?;
            self.check_cancelled(host)?;
        }
        Ok(dense)
    }

    fn dense_start(&self, sequences: &[Vec<u32>]) -> Result<Dense, CompressError> {
        let batches = batches(sequences, self.plan.memory.batch_tokens);
        let embed = |batch: &Batch| self.network().embed(&self.compute, &self.catalog, batch);
        let x = batches.iter().map(embed).collect::<Result<_, _>>()?;
        let block = 0;
        Ok(Dense { block, batches, x })
    }

    /// Takes the dense model over its block; `visit` sees the values of each shared input on the way.
    pub(super) fn walk_block(
        &self,
        dense: &mut Dense,
        visit: &mut Visit<'_>,
    ) -> Result<(), CompressError> {
        let (network, compute, block) = (self.network(), &self.compute, dense.block);
        let norms = network.load_norms(compute, &self.catalog, block)?;
        let pairs = dense.batches.iter().zip(&dense.x);
        let mut inputs: Vec<Vec<f32>> = pairs
            .map(|(batch, x)| network.first_input(compute, &norms, batch, x))
            .collect();
        for input in 0..network.inputs() {
            visit(InputId { block, input }, &inputs.concat())?;
            self.check_stopped()?;
            let part = network.load_part(compute, &self.catalog, block, input)?;
            let values = dense.batches.iter().zip(&mut dense.x).zip(&mut inputs);
            for ((batch, x), values) in values {
                let seen = std::mem::take(values);
                *values = network.next_input(compute, &part, batch, input, x, seen);
            }
            self.check_stopped()?;
        }
        for x in &dense.x {
            let what = format!("calibration activations after block {block}");
            finite::check(compute, &what, &self.catalog.folder.name(), x)?;
        }
        dense.block += 1;
        Ok(())
    }

    /// Weights of a matrix of the source, [rows, cols].
    pub(super) fn dense_weights(&self, matrix: &Matrix) -> Result<Vec<f32>, CompressError> {
        let entry = &self.catalog.tensors[matrix.tensor];
        let mut w = Vec::new();
        self.catalog
            .read_finite_into(&self.compute, entry, &mut w)?;
        if matrix.transposed {
            w = transpose(&self.compute, &w, matrix.cols, matrix.rows);
        }
        Ok(w)
    }
}
