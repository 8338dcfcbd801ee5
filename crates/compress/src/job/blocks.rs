//! Units that run the network: statistics of a block's inputs, and the step to the next block.

use super::{Job, JobHost, event};
use crate::activations::Activations;
use crate::methods::Inputs;
use crate::overlay::Overlay;
use crate::statistics::Gram;
use crate::{CompressError, Stage};

impl Job {
    /// Second moments of every shared input of a block: the block with its original weights, on inputs from the compressed
    /// blocks before it.
    pub(super) fn statistics(
        &mut self,
        block: usize,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        self.inputs.clear();
        self.ensure_activations(block, host)?;
        let activations = self.activations.take().expect("just made");
        let result = self.collect(block, &activations, host);
        self.activations = Some(activations);
        self.inputs = result?;
        Ok(())
    }

    fn collect(
        &self,
        block: usize,
        activations: &Activations,
        host: &mut dyn JobHost,
    ) -> Result<Vec<Inputs>, CompressError> {
        let network = self.network();
        let mut grams = vec![None; network.inputs()];
        for linear in network.linears(block) {
            grams[linear.input].get_or_insert_with(|| Gram::new(linear.cols));
        }
        let weights = network.load_block(&self.compute, &self.catalog, block)?;
        let mut progress = self.progress(Stage::Statistics, block, host);
        self.store().for_each(activations, |batch, x| {
            network.tap_block(&self.compute, &weights, batch, x, &mut |input, values| {
                if let Some(gram) = &mut grams[input] {
                    gram.add(&self.compute, values);
                }
            });
            progress.add(batch.tokens())
        })?;
        drop(weights);
        let finish = |gram: Option<Gram>| {
            let mut gram = gram.unwrap_or_else(|| Gram::new(0));
            gram.finish(&self.compute);
            Inputs::new(gram)
        };
        Ok(grams.into_iter().map(finish).collect())
    }

    /// Carries the activations through a block as decoded from its unit files.
    pub(super) fn forward(
        &mut self,
        block: usize,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        self.inputs.clear();
        let mut activations = self.activations.take().expect("made by ensure_activations");
        let mut journal = std::mem::replace(
            &mut self.journal,
            crate::journal::Journal::detached(&self.workspace),
        );
        let result = self.advance(block, &mut activations, &mut journal, host);
        self.journal = journal;
        // Half advanced values are of no use; the next attempt starts from the last checkpoint.
        result.map(|()| self.activations = Some(activations))
    }

    fn advance(
        &self,
        block: usize,
        activations: &mut Activations,
        journal: &mut crate::journal::Journal,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        let network = self.network();
        let names: Vec<String> = network
            .linears(block)
            .into_iter()
            .map(|linear| linear.weight)
            .collect();
        let overlay = Overlay::open(
            &self.catalog,
            &self.workspace,
            journal,
            names.iter().map(String::as_str),
        )?;
        let weights = network.load_block(&self.compute, &overlay, block)?;
        let mut progress = self.progress(Stage::Forward, block, host);
        self.store().advance(activations, journal, |batch, x| {
            network.run_block(&self.compute, &weights, batch, x, None);
            progress.add(batch.tokens())
        })
    }

    /// Makes `self.activations` the inputs of `block`: those at hand, from the last checkpoint, or from the token ids on.
    pub(super) fn ensure_activations(
        &mut self,
        block: usize,
        host: &mut dyn JobHost,
    ) -> Result<(), CompressError> {
        if self.activations.as_ref().is_none_or(|at| at.block > block) {
            self.activations = None;
            for start in (0..=block).rev() {
                self.activations = self.store().resume(&self.journal, start)?;
                if self.activations.is_some() {
                    break;
                }
            }
        }
        if self.activations.is_none() {
            self.embed(host)?;
        }
        while self.activations.as_ref().is_some_and(|at| at.block < block) {
            let at = self.activations.as_ref().map_or(0, |at| at.block);
            self.forward(at, host)?;
        }
        Ok(())
    }

    fn embed(&mut self, host: &mut dyn JobHost) -> Result<(), CompressError> {
        let begun = (self.clock)();
        let mut journal = std::mem::replace(
            &mut self.journal,
            crate::journal::Journal::detached(&self.workspace),
        );
        let made = self.embed_all(&mut journal, host);
        self.journal = journal;
        self.activations = Some(made?);
        self.add_time("calibrate", begun);
        Ok(())
    }

    fn embed_all(
        &self,
        journal: &mut crate::journal::Journal,
        host: &mut dyn JobHost,
    ) -> Result<Activations, CompressError> {
        let network = self.network();
        let names: Vec<&str> = self
            .plan
            .embeddings
            .iter()
            .map(|matrix| matrix.name.as_str())
            .collect();
        let overlay = Overlay::open(&self.catalog, &self.workspace, journal, names.into_iter())?;
        let total = self.tokens() as u64;
        let mut done = 0;
        self.store().first(journal, |batch| {
            self.check_cancelled(host)?;
            let values = network.embed(&self.compute, &overlay, batch)?;
            done += batch.tokens() as u64;
            host.event(event(Stage::Calibrate, done, total, "tokens", "embedding"));
            Ok(values)
        })
    }

    pub(super) fn tokens(&self) -> usize {
        self.batches.iter().map(kerf_model::Batch::tokens).sum()
    }

    fn progress<'h>(
        &self,
        stage: Stage,
        block: usize,
        host: &'h mut dyn JobHost,
    ) -> BlockProgress<'h> {
        let tokens = self.tokens() as u64;
        // The last block is not carried on to anything.
        let blocks = self.blocks() as u64 - u64::from(stage == Stage::Forward);
        let cancelled = CompressError::Cancelled {
            work_dir: self.workspace.name(),
        };
        BlockProgress {
            stage,
            block,
            done: block as u64 * tokens,
            total: blocks * tokens,
            host,
            cancelled,
        }
    }
}

/// Counts tokens through the blocks of one stage.
struct BlockProgress<'h> {
    stage: Stage,
    block: usize,
    done: u64,
    total: u64,
    host: &'h mut dyn JobHost,
    cancelled: CompressError,
}

impl BlockProgress<'_> {
    fn add(&mut self, tokens: usize) -> Result<(), CompressError> {
        self.done += tokens as u64;
        let name = format!("block {}", self.block);
        self.host
            .event(event(self.stage, self.done, self.total, "tokens", &name));
        if self.host.cancelled() {
            Err(self.cancelled.clone())
        } else {
            Ok(())
        }
    }
}
