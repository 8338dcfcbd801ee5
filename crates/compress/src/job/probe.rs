//! The unit of a schedule that measures: each matrix alone is rounded coarsely in the dense model, and what that costs at the end of the
//! network says how much the matrix matters. No estimate of single layers sees that: what an error does depends on all that follows it.
//!
//! All changed models run side by side: a block's weights are read once for all that differ before it, and a model that differs from
//! the dense one in a later block does not exist yet. Cost: half a forward pass of the probed tokens for each matrix, and one calibrated
//! rounding of each. Memory: residual stream and shared input of the probed tokens for each matrix.

use super::decisions::put_json;
use super::{Job, JobHost, batches, block_name, event, of_unit};
use crate::allocate::matrix::{InputId, Matrix};
use crate::methods::{Inputs, Problem, by_id};
use crate::prepass::probe::{PARAMS, SOLVED_TOKENS, STEP, measured_tokens};
use crate::prepass::survey;
use crate::solve::rounding_at_rate::GRID;
use crate::solve::statistics::Gram;
use crate::{CompressError, Stage};
use kerf_kernels::Compute;
use kerf_model::evaluate::{Closeness, Pooling};
use kerf_model::{Batch, BlockWeights, ModelError, Network, WeightSource, finite};
use kerf_tensors::{Catalog, transpose};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The unit of what was measured.
pub(super) const PROBED: &str = "probe";

/// What the network loses by a matrix alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Probed {
    /// Name of the tensor.
    pub name: String,
    /// Distance to the dense model, as [`Closeness`] has it.
    pub loss: f64,
}

/// At most so many tokens: the last sequence to come may be a long one, and there is a model for each matrix.
fn beginnings(mut sequences: Vec<Vec<u32>>, tokens: usize) -> Vec<Vec<u32>> {
    let mut left = tokens;
    for sequence in &mut sequences {
        sequence.truncate(left);
        left -= sequence.len();
    }
    sequences.retain(|sequence| !sequence.is_empty());
    sequences
}

/// One model for some tokens: what it computes at the place that was reached.
#[derive(Clone, Default)]
struct Stream {
    /// Residual stream of each batch.
    x: Vec<Vec<f32>>,
    /// Shared input of each batch.
    input: Vec<Vec<f32>>,
}

impl Stream {
    fn of(x: Vec<Vec<f32>>) -> Self {
        let input = Vec::new();
        Self { x, input }
    }

    fn enter(
        &mut self,
        network: &Network,
        compute: &Compute,
        norms: &BlockWeights,
        batches: &[Batch],
    ) {
        let pairs = batches.iter().zip(&self.x);
        let inputs = pairs.map(|(batch, x)| network.first_input(compute, norms, batch, x));
        self.input = inputs.collect();
    }

    fn advance(
        &mut self,
        (network, compute): (&Network, &Compute),
        part: &BlockWeights,
        input: usize,
        batches: &[Batch],
    ) {
        for ((batch, x), values) in batches.iter().zip(&mut self.x).zip(&mut self.input) {
            let seen = std::mem::take(values);
            *values = network.next_input(compute, part, batch, input, x, seen);
        }
    }
}

/// All models side by side.
struct Probe {
    /// For the statistics of the roundings.
    solved: (Vec<Batch>, Stream),
    /// Batches on which the outcome is measured.
    batches: Vec<Batch>,
    /// The dense model, then one for each matrix in `names`.
    streams: Vec<Stream>,
    names: Vec<String>,
}

impl Job {
    /// Measures all open matrices.
    pub(super) fn probe(&mut self, host: &mut dyn JobHost) -> Result<(), CompressError> {
        self.dense = None;
        let mut probe = self.probe_start()?;
        let total = self.blocks();
        for block in 0..total {
            self.probe_block(block, &mut probe)?;
            self.check_cancelled(host)?;
            let (name, done) = (block_name(block, total), block as u64 + 1);
            let told = event(Stage::Survey, done, total as u64, "blocks", &name);
            host.event(of_unit(told, done, total as u64 + 1));
        }
        let end = || self.probe_end(probe);
        let probed = self.compute.meter.step("distance", end)?;
        self.check_cancelled(host)?;
        put_json(
            &mut self.journal,
            PROBED.into(),
            "probe.json".into(),
            &probed,
        )
    }

    fn probe_start(&self) -> Result<Probe, CompressError> {
        let open = self
            .plan
            .targets
            .iter()
            .filter(|matrix| self.plan.is_probed(matrix))
            .count();
        let wanted = measured_tokens(self.tokens(), open, self.network().hidden());
        let (known, held) = self.split_text(wanted);
        let tokens = SOLVED_TOKENS.min(known.iter().map(Vec::len).sum());
        let start = |sequences: &[Vec<u32>]| {
            let batches = batches(sequences, self.plan.memory.batch_tokens);
            let embed = |batch: &Batch| self.network().embed(&self.compute, &self.catalog, batch);
            let x = batches.iter().map(embed).collect::<Result<_, _>>()?;
            Ok::<_, CompressError>((batches, Stream::of(x)))
        };
        let (batches, dense) = start(&beginnings(held, wanted))?;
        Ok(Probe {
            solved: start(&survey::spread(&known, tokens))?,
            batches,
            streams: vec![dense],
            names: Vec::new(),
        })
    }

    fn probe_block(&self, block: usize, probe: &mut Probe) -> Result<(), CompressError> {
        let (network, compute) = (self.network(), &self.compute);
        let norms = network.load_norms(compute, &self.catalog, block)?;
        let batches = &probe.batches;
        probe
            .solved
            .1
            .enter(network, compute, &norms, &probe.solved.0);
        compute
            .pool
            .chunks_mut(&mut probe.streams, 1, |_, streams| {
                streams[0].enter(network, compute, &norms, batches);
            });
        self.check_stopped()?;
        for input in 0..network.inputs() {
            let changed = self.changed_streams(InputId { block, input }, probe)?;
            let part = network.load_part(compute, &self.catalog, block, input)?;
            let machine = (network, compute);
            compute.meter.step("network", || {
                probe
                    .solved
                    .1
                    .advance(machine, &part, input, &probe.solved.0);
                let batches = &probe.batches;
                compute
                    .pool
                    .chunks_mut(&mut probe.streams, 1, |_, streams| {
                        streams[0].advance(machine, &part, input, batches);
                    });
            });
            self.check_stopped()?;
            for (name, stream) in changed {
                probe.names.push(name);
                probe.streams.push(stream);
            }
        }
        Ok(())
    }

    /// For each open matrix that reads a shared input, the model that differs from the dense one by it, past that matrix.
    fn changed_streams(
        &self,
        id: InputId,
        probe: &Probe,
    ) -> Result<Vec<(String, Stream)>, CompressError> {
        let targets = self.plan.targets.iter();
        let open: Vec<&Matrix> = targets
            .filter(|matrix| matrix.input_id() == id && self.plan.is_probed(matrix))
            .collect();
        let Some(first) = open.first() else {
            return Ok(Vec::new());
        };
        let (network, compute) = (self.network(), &self.compute);
        let mut gram = Gram::new(first.cols);
        compute.meter.step("moments", || {
            gram.add(compute, &probe.solved.1.input.concat());
            gram.finish(compute);
        });
        let inputs = Inputs::new(gram);
        let changed = open.iter().map(|matrix| {
            let values = self.coarse(matrix, &inputs)?;
            let weights = Changed {
                base: &self.catalog,
                name: &matrix.name,
                values,
            };
            let part = network.load_part(compute, &weights, id.block, id.input)?;
            let mut stream = probe.streams[0].clone();
            compute.meter.step("network", || {
                stream.advance((network, compute), &part, id.input, &probe.batches);
            });
            self.check_stopped()?;
            Ok((matrix.name.clone(), stream))
        });
        changed.collect()
    }

    /// A matrix rounded coarsely, as the source stores it.
    fn coarse(&self, matrix: &Matrix, inputs: &Inputs) -> Result<Vec<f32>, CompressError> {
        let w = self.dense_weights(matrix)?;
        let entropy = by_id("entropy").expect("a row of the table");
        let solved = entropy.solve(
            &self.compute,
            &Problem {
                name: &matrix.name,
                w: &w,
                rows: matrix.rows,
                cols: matrix.cols,
                sparsity: 0.0,
                pattern: matrix.pattern,
                grid: Some(GRID),
                dtype: matrix.float,
                damping_rel: self.plan.settings.options.damping_rel,
                step: Some(STEP),
                params: PARAMS,
                inputs: Some(inputs),
            },
        );
        let values = solved.matrix.dequantize_on(&self.compute);
        Ok(match matrix.transposed {
            true => transpose(&self.compute, &values, matrix.rows, matrix.cols),
            false => values,
        })
    }

    fn probe_end(&self, mut probe: Probe) -> Result<Vec<Probed>, CompressError> {
        let (network, compute) = (self.network(), &self.compute);
        for stream in &mut probe.streams {
            for x in &mut stream.x {
                network.finish(compute, &self.catalog, x)?;
                finite::check(compute, "hidden states", CHANGED, x)?;
            }
        }
        let mut streams = probe.streams.into_iter();
        let dense = streams.next().unwrap_or_default();
        let states = probe.batches.into_iter().zip(dense.x).collect();
        let closeness =
            Closeness::of_states(network, compute, &self.catalog, states, Pooling::Mean)?;
        let changed: Vec<Vec<Vec<f32>>> = streams.map(|stream| stream.x).collect();
        let losses = closeness.between(compute, &changed)?;
        let pairs = probe.names.into_iter().zip(losses);
        let measured = pairs.map(|(name, loss)| {
            let loss = finite::metric("distance", CHANGED, loss)?;
            Ok(Probed { name, loss })
        });
        measured.collect()
    }
}

/// What errors call the models that are measured.
const CHANGED: &str = "the model with one matrix rounded";

/// The dense model but for one matrix.
struct Changed<'a> {
    base: &'a Catalog,
    name: &'a str,
    values: Vec<f32>,
}

impl WeightSource for Changed<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.base.shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        match name == self.name {
            true => Ok(self.values.clone()),
            false => self.base.read(compute, name),
        }
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        if name != self.name {
            return self.base.read_rows(compute, name, rows);
        }
        let count = self.shape(name).and_then(|shape| shape.first().copied());
        let cols = self.values.len() / count.unwrap_or(1).max(1);
        Ok(self.values[rows.start * cols..rows.end * cols].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_sees_no_more_tokens_than_it_asked_for() {
        let sequences = vec![vec![1; 5], vec![2; 7], vec![3; 9]];
        let lengths = |tokens| -> Vec<usize> {
            let cut = beginnings(sequences.clone(), tokens);
            cut.iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(3), [3]);
        assert_eq!(lengths(12), [5, 7]);
        assert_eq!(lengths(13), [5, 7, 1]);
        assert_eq!(lengths(100), [5, 7, 9]);
    }
}
