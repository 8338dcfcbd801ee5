//! The unit of a schedule that measures: each matrix alone is rounded coarsely in the dense model, and what that costs at the end of the
//! network says how much the matrix matters. No estimate of single layers sees that: what an error does depends on all that follows it.
//!
//! All changed models run side by side: a block's weights are read once for all that differ before it, and a model that differs from
//! the dense one in a later block does not exist yet. Cost: half a forward pass of the probed tokens for each matrix, and one calibrated
//! rounding of each. Memory: residual stream and shared input of the probed tokens for each matrix.

use super::decisions::put_json;
use super::{Machine, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use crate::job::records::Journal;
use crate::methods::{Inputs, Problem, by_id, rounded_by_rows};
use crate::plan::Plan;
use crate::prepass::probe::{PARAMS, SOLVED_TOKENS, STEP, measured_tokens};
use crate::prepass::survey;
use crate::solve::rounding_at_rate::GRID;
use crate::solve::statistics::Gram;
use kerf_kernels::Compute;
use kerf_model::evaluate::{Closeness, Pooling};
use kerf_model::{Batch, BlockWeights, MemoryWeights, Network, Overlay, Walker, batches, finite};
use kerf_run::{Event, Host, Stage};
use kerf_tensors::transpose;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

/// One model for some tokens: one walker for each batch.
type Stream = Vec<Walker>;

fn step(
    (network, compute): (&Network, &Compute),
    part: &BlockWeights,
    at: Option<usize>,
    stream: &mut Stream,
    batches: &[Batch],
) {
    for (batch, walker) in batches.iter().zip(stream) {
        walker.step(network, compute, part, batch, at);
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

/// Measures all open matrices.
pub(super) fn probe(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let mut probe = probe_start(machine, plan)?;
    let total = machine.blocks();
    for block in 0..total {
        probe_block(machine, plan, block, &mut probe)?;
        machine.cancel.check(host)?;
        let (name, done) = (block_name(block, total), block as u64 + 1);
        let told = Event::new(Stage::Survey, done, total as u64, "blocks", &name);
        host.event(told.with_share(done, total as u64 + 1));
    }
    let end = || probe_end(machine, probe);
    let probed = machine.compute.meter.section("distance", end)?;
    machine.cancel.check(host)?;
    put_json(journal, PROBED.into(), "probe.json".into(), &probed)
}

fn probe_start(machine: &Machine, plan: &Plan) -> Result<Probe, CompressError> {
    let open = plan
        .targets
        .iter()
        .filter(|matrix| plan.is_probed(matrix))
        .count();
    let wanted = measured_tokens(machine.tokens(), open, machine.network().hidden());
    let (known, held) = machine.split_text(wanted);
    let tokens = SOLVED_TOKENS.min(known.iter().map(Vec::len).sum());
    let start = |sequences: &[Vec<u32>]| {
        let batches = batches(sequences, plan.memory.batch_tokens);
        let (network, compute) = (machine.network(), &machine.compute);
        let start = |batch: &Batch| Walker::start(network, compute, &machine.catalog, batch);
        let walkers = batches.iter().map(start).collect::<Result<_, _>>()?;
        Ok::<_, CompressError>((batches, walkers))
    };
    let (batches, dense) = start(&beginnings(held, wanted))?;
    Ok(Probe {
        solved: start(&survey::spread(&known, tokens))?,
        batches,
        streams: vec![dense],
        names: Vec::new(),
    })
}

fn probe_block(
    machine: &Machine,
    plan: &Plan,
    block: usize,
    probe: &mut Probe,
) -> Result<(), CompressError> {
    let (network, compute) = (machine.network(), &machine.compute);
    let on = (network, compute);
    for at in std::iter::once(None).chain((0..network.inputs()).map(Some)) {
        let changed = match at {
            Some(input) => changed_streams(machine, plan, InputId { block, input }, probe)?,
            None => Vec::new(),
        };
        let part = Walker::load(network, compute, &machine.catalog, block, at)?;
        compute.meter.section("network", || {
            let (batches, stream) = &mut probe.solved;
            step(on, &part, at, stream, batches);
            let batches = &probe.batches;
            let streams = &mut probe.streams;
            compute.pool.chunks_mut(streams, 1, |_, streams| {
                step(on, &part, at, &mut streams[0], batches);
            });
        });
        machine.cancel.check_stopped()?;
        for (name, stream) in changed {
            probe.names.push(name);
            probe.streams.push(stream);
        }
    }
    Ok(())
}

/// For each open matrix that reads a shared input, the model that differs from the dense one by it, past that matrix.
fn changed_streams(
    machine: &Machine,
    plan: &Plan,
    id: InputId,
    probe: &Probe,
) -> Result<Vec<(String, Stream)>, CompressError> {
    let targets = plan.targets.iter();
    let open: Vec<&Matrix> = targets
        .filter(|matrix| matrix.input_id() == id && plan.is_probed(matrix))
        .collect();
    let Some(first) = open.first() else {
        return Ok(Vec::new());
    };
    let (network, compute) = (machine.network(), &machine.compute);
    let mut gram = Gram::new(first.cols);
    compute.meter.section("moments", || {
        let of_batches = probe.solved.1.iter();
        let inputs: Vec<&[f32]> = of_batches.map(|walker| &*walker.input).collect();
        gram.add(compute, &inputs.concat());
        gram.finish(compute);
    });
    let inputs = Inputs::new(gram);
    let changed = open.iter().map(|matrix| {
        let values = coarse(machine, plan, matrix, &inputs)?;
        let shape = machine.catalog.tensors[matrix.tensor].shape.clone();
        let mut changed = MemoryWeights::new();
        changed.insert(&matrix.name, shape, values)?;
        let mut weights = Overlay::new(&machine.catalog);
        weights.replace(&matrix.name, Arc::new(changed));
        let at = Some(id.input);
        let part = Walker::load(network, compute, &weights, id.block, at)?;
        let mut stream = probe.streams[0].clone();
        compute.meter.section("network", || {
            step((network, compute), &part, at, &mut stream, &probe.batches);
        });
        machine.cancel.check_stopped()?;
        Ok((matrix.name.clone(), stream))
    });
    changed.collect()
}

/// A matrix rounded coarsely, as the source stores it.
fn coarse(
    machine: &Machine,
    plan: &Plan,
    matrix: &Matrix,
    inputs: &Inputs,
) -> Result<Vec<f32>, CompressError> {
    let w = machine.dense_weights(matrix)?;
    let entropy = by_id("entropy").expect("a row of the table");
    let problem = Problem {
        name: &matrix.name,
        w: &w,
        rows: matrix.rows,
        cols: matrix.cols,
        sparsity: 0.0,
        pattern: matrix.pattern,
        support: None,
        grid: Some(GRID),
        dtype: matrix.float,
        damping_rel: plan.settings.options.damping_rel,
        step: Some(STEP),
        params: PARAMS,
        inputs: Some(inputs),
    };
    let solved = match matrix.step {
        Some(_) => entropy.solve(&machine.compute, &problem),
        None => rounded_by_rows(&machine.compute, &problem),
    };
    let values = solved.matrix.dequantize_on(&machine.compute);
    finite::check(&machine.compute, "rounded weights", CHANGED, &values)?;
    Ok(match matrix.transposed {
        true => transpose(&machine.compute, &values, matrix.rows, matrix.cols),
        false => values,
    })
}

fn probe_end(machine: &Machine, mut probe: Probe) -> Result<Vec<Probed>, CompressError> {
    let (network, compute) = (machine.network(), &machine.compute);
    for stream in &mut probe.streams {
        for Walker { x, .. } in stream {
            network.finish(compute, &machine.catalog, x)?;
            finite::check(compute, "hidden states", CHANGED, x)?;
        }
    }
    let mut streams = probe.streams.into_iter();
    let dense = streams.next().unwrap_or_default();
    let states = probe.batches.into_iter().zip(states_of(dense)).collect();
    let closeness =
        Closeness::of_states(network, compute, &machine.catalog, states, Pooling::Mean)?;
    let changed: Vec<Vec<Vec<f32>>> = streams.map(states_of).collect();
    let losses = closeness.between(compute, &changed)?;
    let pairs = probe.names.into_iter().zip(losses);
    let measured = pairs.map(|(name, loss)| {
        let loss = finite::metric("distance", CHANGED, loss)?;
        Ok(Probed { name, loss })
    });
    measured.collect()
}

fn states_of(stream: Stream) -> Vec<Vec<f32>> {
    stream.into_iter().map(|walker| walker.x).collect()
}

/// What errors call the models that are measured.
const CHANGED: &str = "the model with one matrix rounded";

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
