//! Units that run the network. Each linear layer runs once: the inputs of the matrices that share one are collected with the
//! matrices before them in the block already compressed ("true sequential" in GPTQ's terms), so the statistics are those
//! that the compressed model will see, and one pass serves both statistics and the step to the next block.

use super::{Machine, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, drifting_alone};
use crate::job::activations::{Activations, Progress, Store, Streams};
use crate::job::overlay::solved_over;
use crate::job::records::Journal;
use crate::methods::Inputs;
use crate::plan::Plan;
use crate::solve::statistics::{Drift, Moments};
use kerf_kernels::Compute;
use kerf_model::{
    Batch, BlockTensor, BlockWeights, Network, TensorPlace, Walker, WeightSource, finite,
};
use kerf_run::{CancelCheck, Event, Host, Stage};
use kerf_tensors::Workspace;
use std::sync::Arc;

/// How far the calibration tokens have come.
#[derive(Default)]
pub(super) struct Walk {
    /// Their values there.
    pub activations: Option<Activations>,
    /// Statistics of the shared input that is being solved.
    pub inputs: Option<(InputId, Inputs)>,
    /// Seconds of embedding them, if that was done.
    pub embedding: Option<f64>,
}

/// Where the values of the batches lie.
pub(super) fn store<'a>(
    machine: &'a Machine,
    plan: &Plan,
    workspace: &'a Arc<dyn Workspace>,
) -> Store<'a> {
    Store {
        batches: &machine.batches,
        hidden: machine.network().hidden(),
        at_once: plan.memory.batches_at_once,
        spill: plan.memory.spill,
        dense: plan.dense_stream(),
        workspace,
    }
}

/// What it takes to get past a place, in both models.
pub(super) struct Parts {
    compressed: BlockWeights,
    dense: Option<BlockWeights>,
}

/// Second moments of one shared input of a block.
pub(super) fn statistics(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    block: usize,
    input: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    walk.inputs = None;
    let inputs_done = input;
    ensure_reached(
        machine,
        plan,
        journal,
        walk,
        Progress { block, inputs_done },
        host,
    )?;
    let linears = machine.network().linears(block);
    let cols = linears
        .iter()
        .find(|linear| linear.input == input)
        .map_or(0, |linear| linear.cols);
    let drift = new_drift(machine, plan, block, input, cols)?;
    let mut moments = Moments::new(cols, drift);
    let to = Progress {
        block,
        inputs_done: input + 1,
    };
    advance(machine, plan, journal, walk, to, Some(&mut moments), host)?;
    let finish = || moments.finish(&machine.compute);
    machine.compute.meter.section("moments", finish);
    machine.cancel.check(host)?;
    walk.inputs = Some((InputId { block, input }, Inputs::of(moments)));
    Ok(())
}

/// For the matrices of a shared input that aim at the dense model's outputs, if there are any.
fn new_drift(
    machine: &Machine,
    plan: &Plan,
    block: usize,
    input: usize,
    cols: usize,
) -> Result<Option<Drift>, CompressError> {
    let aiming = || plan.aiming(block, input);
    if aiming().next().is_none() {
        return Ok(None);
    }
    Ok(Some(match drifting_alone(aiming()) {
        Some(only) => Drift::of_weights(cols, machine.dense_weights(only)?),
        None => Drift::new(cols),
    }))
}

/// Carries the activations over the end of a block, and keeps them for a resume.
pub(super) fn forward(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    block: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    walk.inputs = None;
    let inputs_done = machine.network().inputs();
    ensure_reached(
        machine,
        plan,
        journal,
        walk,
        Progress { block, inputs_done },
        host,
    )?;
    advance(
        machine,
        plan,
        journal,
        walk,
        Progress::at_block(block + 1),
        None,
        host,
    )
}

/// Moves the activations to `goal`: from where they are, from the last checkpoint, or from the token ids on.
pub(super) fn ensure_reached(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    goal: Progress,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    if walk
        .activations
        .as_ref()
        .is_none_or(|at| at.progress > goal)
    {
        walk.activations = None;
        for block in (0..=goal.block).rev() {
            walk.activations = store(machine, plan, journal.workspace()).resume(journal, block)?;
            if walk.activations.is_some() {
                break;
            }
        }
    }
    if walk.activations.is_none() {
        let begun = (machine.clock)();
        walk.activations = Some(embed(machine, plan, journal, host)?);
        *walk.embedding.get_or_insert_default() += (machine.clock)() - begun;
    }
    while let Some(next) = walk
        .activations
        .as_ref()
        .and_then(|at| next_progress(machine, at.progress, goal))
    {
        advance(machine, plan, journal, walk, next, None, host)?;
    }
    Ok(())
}

/// The next step on the way from `at` to `goal`, or `None` if it is reached.
fn next_progress(machine: &Machine, at: Progress, goal: Progress) -> Option<Progress> {
    let last = at.inputs_done == machine.network().inputs();
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
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    walk: &mut Walk,
    to: Progress,
    mut moments: Option<&mut Moments>,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let activations = walk.activations.take().expect("ensure_reached made them");
    let at = activations.progress;
    let load = || load_parts(machine, plan, journal, at);
    let parts = machine.compute.meter.section("read", load)?;
    let mut progress = token_counter(machine, to, moments.is_some(), host);
    let (network, compute) = (machine.network(), &machine.compute);
    let workspace = journal.workspace().clone();
    let checkpoint = (to.inputs_done == 0).then_some(journal);
    let go = |part: &BlockWeights, batch: &Batch, walker: &mut Walker| {
        walker.step(network, compute, part, batch, at.input());
    };
    let moved =
        store(machine, plan, &workspace).advance(activations, to, checkpoint, |batches, values| {
            let run = |i: usize, values: &mut [Streams]| {
                let (batch, values) = (&batches[i], &mut values[0]);
                go(&parts.compressed, batch, &mut values.compressed);
                if let (Some(part), Some(values)) = (&parts.dense, &mut values.dense) {
                    go(part, batch, values);
                }
            };
            let all = || compute.pool.chunks_mut(values, 1, run);
            compute.meter.section("network", all);
            for values in values.iter() {
                check_finite(machine, to, values)?;
                if let Some(moments) = &mut moments {
                    let dense = values.dense.as_ref().map(|dense| dense.input.as_slice());
                    let add = || moments.add(compute, &values.compressed.input, dense);
                    compute.meter.section("moments", add);
                }
            }
            progress.add(batches.iter().map(kerf_model::Batch::tokens).sum())
        });
    // Half moved values are of no use: after an error the next attempt starts from the last checkpoint.
    walk.activations = Some(moved?);
    Ok(())
}

/// `NOT_FINITE` for activations that are no numbers: statistics of them say nothing.
pub(super) fn check_finite(
    machine: &Machine,
    at: Progress,
    values: &Streams,
) -> Result<(), CompressError> {
    let dense = machine.catalog.folder.name();
    let compressed = ("the model as far as it is compressed", &values.compressed);
    let both = std::iter::once(compressed).chain(values.dense.iter().map(|of| (&*dense, of)));
    for (model, values) in both {
        let what = format!(
            "calibration activations in block {}, input {}",
            at.block, at.inputs_done
        );
        for values in [&values.x, &values.input] {
            finite::check(&machine.compute, &what, model, values)?;
        }
    }
    Ok(())
}

/// What it takes to get past the place: the norms of the block, and the matrices of the shared input at hand.
pub(super) fn load_parts(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    at: Progress,
) -> Result<Parts, CompressError> {
    let network = machine.network();
    let input = at.input();
    let linears = network.linears(at.block);
    let names = linears
        .iter()
        .filter(|linear| Some(linear.input) == input)
        .map(|linear| linear.weight.as_str());
    let beside = match plan.recovery {
        Some(_) => beside(machine, at.block),
        None => Vec::new(),
    };
    let names = names.chain(beside.iter().map(String::as_str));
    let overlay = solved_over(&machine.catalog, journal, names)?;
    let load = |weights: &dyn WeightSource| {
        Walker::load(network, &machine.compute, weights, at.block, input)
    };
    let dense = plan.dense_stream();
    Ok(Parts {
        compressed: load(&overlay)?,
        dense: dense.then(|| load(&machine.catalog)).transpose()?,
    })
}

/// Names of the norms and biases of a block, which may have learned.
fn beside(machine: &Machine, block: usize) -> Vec<String> {
    let tensors = machine.network().block_tensors(&machine.catalog, block);
    let weight = |tensor: &BlockTensor| matches!(tensor.place, TensorPlace::Weight { .. });
    let others = tensors.into_iter().filter(|tensor| !weight(tensor));
    others.map(|tensor| tensor.name).collect()
}

/// Inputs of the first block.
pub(super) fn embed(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    host: &mut dyn Host,
) -> Result<Activations, CompressError> {
    let (network, compute): (&Network, &Compute) = (machine.network(), &machine.compute);
    let names = plan.embeddings.iter().map(|matrix| matrix.name.as_str());
    let overlay = solved_over(&machine.catalog, journal, names)?;
    let dense = plan.dense_stream();
    let start =
        |weights: &dyn WeightSource, batch: &Batch| Walker::start(network, compute, weights, batch);
    let total = machine.tokens() as u64;
    let mut done = 0;
    let made = store(machine, plan, journal.workspace()).first(|batch| {
        machine.cancel.check(host)?;
        let values = Streams {
            compressed: start(&overlay, batch)?,
            dense: dense.then(|| start(&machine.catalog, batch)).transpose()?,
        };
        machine.cancel.check(host)?;
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
    Ok(made)
}

fn token_counter<'h>(
    machine: &Machine,
    to: Progress,
    counted: bool,
    host: &'h mut dyn Host,
) -> TokenCounter<'h> {
    let (tokens, inputs, blocks) = (
        machine.tokens() as u64,
        machine.network().inputs() as u64,
        machine.blocks() as u64,
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
        name: block_name(block, machine.blocks()),
        unit_tokens: (0, tokens),
        host,
        cancel: machine.cancel.clone(),
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
