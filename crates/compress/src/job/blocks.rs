//! Units that run the network. Each linear layer runs once: the inputs of the matrices that share one are collected with the
//! matrices before them in the block already compressed ("true sequential" in GPTQ's terms), so the statistics are those
//! that the compressed model will see, and one pass serves both statistics and the step to the next block.

use super::{Job, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, drifting_alone};
use crate::job::activations::{Activations, Progress, Streams, Values};
use crate::job::overlay::Overlay;
use crate::job::records::Journal;
use crate::methods::Inputs;
use crate::solve::statistics::{Drift, Moments};
use kerf_kernels::Compute;
use kerf_model::{Batch, BlockWeights, Network, WeightSource, finite};
use kerf_run::{CancelCheck, Event, Host, Stage};

/// What it takes to get past a place, in both models.
pub(super) struct Parts {
    compressed: BlockWeights,
    dense: Option<BlockWeights>,
}

impl Job {
    /// Second moments of one shared input of a block.
    pub(super) fn statistics(
        &mut self,
        block: usize,
        input: usize,
        host: &mut dyn Host,
    ) -> Result<(), CompressError> {
        self.inputs = None;
        let inputs_done = input;
        self.ensure_reached(Progress { block, inputs_done }, host)?;
        let linears = self.network().linears(block);
        let cols = linears
            .iter()
            .find(|linear| linear.input == input)
            .map_or(0, |linear| linear.cols);
        let drift = self.new_drift(block, input, cols)?;
        let mut moments = Moments::new(cols, drift);
        let to = Progress {
            block,
            inputs_done: input + 1,
        };
        self.advance(to, Some(&mut moments), host)?;
        let finish = || moments.finish(&self.compute);
        self.compute.meter.step("moments", finish);
        self.check_cancelled(host)?;
        self.inputs = Some((InputId { block, input }, Inputs::of(moments)));
        Ok(())
    }

    /// For the matrices of a shared input that aim at the dense model's outputs, if there are any.
    fn new_drift(
        &self,
        block: usize,
        input: usize,
        cols: usize,
    ) -> Result<Option<Drift>, CompressError> {
        let aiming = || self.plan.aiming(block, input);
        if aiming().next().is_none() {
            return Ok(None);
        }
        Ok(Some(match drifting_alone(aiming()) {
            Some(only) => Drift::of_weights(cols, self.dense_weights(only)?),
            None => Drift::new(cols),
        }))
    }

    /// Carries the activations over the end of a block, and keeps them for a resume.
    pub(super) fn forward(
        &mut self,
        block: usize,
        host: &mut dyn Host,
    ) -> Result<(), CompressError> {
        self.inputs = None;
        let inputs_done = self.network().inputs();
        self.ensure_reached(Progress { block, inputs_done }, host)?;
        self.advance(Progress::at_block(block + 1), None, host)
    }

    /// Moves the activations to `goal`: from where they are, from the last checkpoint, or from the token ids on.
    fn ensure_reached(&mut self, goal: Progress, host: &mut dyn Host) -> Result<(), CompressError> {
        if self
            .activations
            .as_ref()
            .is_none_or(|at| at.progress > goal)
        {
            self.activations = None;
            for block in (0..=goal.block).rev() {
                self.activations = self.store().resume(&self.journal, block)?;
                if self.activations.is_some() {
                    break;
                }
            }
        }
        if self.activations.is_none() {
            self.activations = Some(self.embed(host)?);
        }
        while let Some(next) = self
            .activations
            .as_ref()
            .and_then(|at| self.next_progress(at.progress, goal))
        {
            self.advance(next, None, host)?;
        }
        Ok(())
    }

    /// The next step on the way from `at` to `goal`, or `None` if it is reached.
    fn next_progress(&self, at: Progress, goal: Progress) -> Option<Progress> {
        let last = at.inputs_done == self.network().inputs();
        (at < goal).then_some(if last {
            Progress::at_block(at.block + 1)
        } else {
            Progress {
                inputs_done: at.inputs_done + 1,
                ..at
            }
        })
    }

    /// One place further, through matrices as decoded from their unit files; `moments` get the shared input that is reached.
    fn advance(
        &mut self,
        to: Progress,
        mut moments: Option<&mut Moments>,
        host: &mut dyn Host,
    ) -> Result<(), CompressError> {
        let activations = self.activations.take().expect("ensure_reached made them");
        let at = activations.progress;
        // The memory plan counts either the buffers of a solver or a running block.
        self.scratch = super::solve::Scratch::default();
        let load = || self.load_parts(at);
        let parts = self.compute.meter.step("read", load)?;
        let mut journal = std::mem::replace(&mut self.journal, Journal::detached(&self.workspace));
        let mut progress = self.progress(to, moments.is_some(), host);
        let (network, compute) = (self.network(), &self.compute);
        let checkpoint = (to.inputs_done == 0).then_some(&mut journal);
        let go = |part: &BlockWeights, batch: &Batch, values: &mut Values| {
            let input = std::mem::take(&mut values.input);
            values.input = match at.input() {
                None => network.first_input(compute, part, batch, &values.x),
                Some(before) => {
                    network.next_input(compute, part, batch, before, &mut values.x, input)
                }
            };
        };
        let moved = self
            .store()
            .advance(activations, to, checkpoint, |batches, values| {
                let run = |i: usize, values: &mut [Streams]| {
                    let (batch, values) = (&batches[i], &mut values[0]);
                    go(&parts.compressed, batch, &mut values.compressed);
                    if let (Some(part), Some(values)) = (&parts.dense, &mut values.dense) {
                        go(part, batch, values);
                    }
                };
                let all = || compute.pool.chunks_mut(values, 1, run);
                compute.meter.step("network", all);
                for values in values.iter() {
                    self.check_finite(to, values)?;
                    if let Some(moments) = &mut moments {
                        let dense = values.dense.as_ref().map(|dense| dense.input.as_slice());
                        let add = || moments.add(compute, &values.compressed.input, dense);
                        compute.meter.step("moments", add);
                    }
                }
                progress.add(batches.iter().map(kerf_model::Batch::tokens).sum())
            });
        self.journal = journal;
        // Half moved values are of no use: after an error the next attempt starts from the last checkpoint.
        self.activations = Some(moved?);
        Ok(())
    }

    /// `NOT_FINITE` for activations that are no numbers: statistics of them say nothing.
    fn check_finite(&self, at: Progress, values: &Streams) -> Result<(), CompressError> {
        let dense = self.catalog.folder.name();
        let compressed = ("the model as far as it is compressed", &values.compressed);
        let both = std::iter::once(compressed).chain(values.dense.iter().map(|of| (&*dense, of)));
        for (model, values) in both {
            let what = format!(
                "calibration activations in block {}, input {}",
                at.block, at.inputs_done
            );
            for values in [&values.x, &values.input] {
                finite::check(&self.compute, &what, model, values)?;
            }
        }
        Ok(())
    }

    /// What it takes to get past the place: the norms of the block, and the matrices of the shared input at hand.
    pub(super) fn load_parts(&self, at: Progress) -> Result<Parts, CompressError> {
        let network = self.network();
        let input = at.input();
        let linears = network.linears(at.block);
        let names = linears
            .iter()
            .filter(|linear| Some(linear.input) == input)
            .map(|linear| linear.weight.as_str());
        let overlay = Overlay::open(&self.catalog, &self.workspace, &self.journal, names)?;
        let load = |weights: &dyn WeightSource| match input {
            Some(input) => network.load_part(&self.compute, weights, at.block, input),
            None => network.load_norms(&self.compute, weights, at.block),
        };
        let dense = self.plan.dense_stream();
        Ok(Parts {
            compressed: load(&overlay)?,
            dense: dense.then(|| load(&self.catalog)).transpose()?,
        })
    }

    pub(super) fn embed(&mut self, host: &mut dyn Host) -> Result<Activations, CompressError> {
        let begun = (self.clock)();
        let (network, compute): (&Network, &Compute) = (self.network(), &self.compute);
        let names = self
            .plan
            .embeddings
            .iter()
            .map(|matrix| matrix.name.as_str());
        let overlay = Overlay::open(&self.catalog, &self.workspace, &self.journal, names)?;
        let dense = self.plan.dense_stream();
        let start = |weights: &dyn WeightSource, batch: &Batch| -> Result<Values, CompressError> {
            let x = network.embed(compute, weights, batch)?;
            let input = Vec::new();
            Ok(Values { x, input })
        };
        let total = self.tokens() as u64;
        let mut done = 0;
        let made = self.store().first(|batch| {
            self.check_cancelled(host)?;
            let values = Streams {
                compressed: start(&overlay, batch)?,
                dense: dense.then(|| start(&self.catalog, batch)).transpose()?,
            };
            self.check_cancelled(host)?;
            done += batch.tokens() as u64;
            host.event(Event::new(
                Stage::Calibrate,
                done,
                total,
                "tokens",
                "embedding",
            ));
            Ok::<_, CompressError>(values)
        })?;
        self.add_time("calibrate", begun);
        Ok(made)
    }

    pub(super) fn tokens(&self) -> usize {
        self.batches.iter().map(kerf_model::Batch::tokens).sum()
    }

    fn progress<'h>(
        &self,
        to: Progress,
        counted: bool,
        host: &'h mut dyn Host,
    ) -> TokenCounter<'h> {
        let (tokens, inputs, blocks) = (
            self.tokens() as u64,
            self.network().inputs() as u64,
            self.blocks() as u64,
        );
        // Catching up after a resume is not told: it was told before.
        let (block, reached) = (to.block as u64, to.inputs_done as u64);
        let told = match reached {
            0 => Some((Stage::Forward, (block - 1) * tokens, (blocks - 1) * tokens)),
            _ if counted => {
                let before = block * inputs + reached - 1;
                Some((Stage::Statistics, before * tokens, blocks * inputs * tokens))
            }
            _ => None,
        };
        let block = match reached {
            0 => to.block - 1,
            _ => to.block,
        };
        TokenCounter {
            told,
            name: block_name(block, self.blocks()),
            unit_tokens: (0, tokens),
            host,
            cancel: self.cancel.clone(),
        }
    }
}

/// Counts tokens through the blocks of one stage.
struct TokenCounter<'h> {
    /// Stage, tokens done, tokens in all.
    told: Option<(Stage, u64, u64)>,
    name: String,
    /// Tokens done and in all of this pass.
    unit_tokens: (u64, u64),
    host: &'h mut dyn Host,
    cancel: CancelCheck,
}

impl TokenCounter<'_> {
    fn add(&mut self, tokens: usize) -> Result<(), CompressError> {
        if let Some((stage, done, total)) = &mut self.told {
            *done += tokens as u64;
            let (of_pass, pass) = &mut self.unit_tokens;
            *of_pass += tokens as u64;
            let told = Event::new(*stage, *done, *total, "tokens", &self.name);
            self.host.event(told.with_share(*of_pass, *pass));
        }
        Ok(self.cancel.check(self.host)?)
    }
}
