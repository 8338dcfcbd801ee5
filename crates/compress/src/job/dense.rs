//! The dense model over a part of the calibration, block by block, before anything is compressed.

use super::Machine;
use crate::CompressError;
use crate::allocate::matrix::InputId;
use crate::plan::Plan;
use kerf_model::{Batch, Walker, batches, finite};
use kerf_run::Host;

/// What the dense model computes for some tokens, at the start of a block.
pub(super) struct Dense {
    block: usize,
    batches: Vec<Batch>,
    /// One for each batch.
    walkers: Vec<Walker>,
}

/// Gets a shared input and its values [tokens, cols].
pub(super) type Visit<'v> = dyn FnMut(InputId, &[f32]) -> Result<(), CompressError> + 'v;

/// The dense model at the start of a block: where the last unit left it, or from the token ids of `sample` on.
pub(super) fn dense_at(
    machine: &Machine,
    plan: &Plan,
    at_hand: &mut Option<Dense>,
    block: usize,
    host: &mut dyn Host,
    sample: impl FnOnce() -> Vec<Vec<u32>>,
) -> Result<Dense, CompressError> {
    let at_hand = at_hand.take().filter(|dense| dense.block <= block);
    let mut dense = match at_hand {
        Some(dense) => dense,
        None => dense_start(machine, plan, &sample())?,
    };
    while dense.block < block {
        walk_block(machine, &mut dense, &mut |_, _| Ok(()))?;
        machine.cancel.check(host)?;
    }
    Ok(dense)
}

fn dense_start(
    machine: &Machine,
    plan: &Plan,
    sequences: &[Vec<u32>],
) -> Result<Dense, CompressError> {
    let batches = batches(sequences, plan.memory.batch_tokens);
    let start =
        |batch: &Batch| Walker::start(machine.network(), &machine.compute, &machine.catalog, batch);
    let walkers = batches.iter().map(start).collect::<Result<_, _>>()?;
    let block = 0;
    Ok(Dense {
        block,
        batches,
        walkers,
    })
}

/// Takes the dense model over its block; `visit` sees the values of each shared input on the way.
pub(super) fn walk_block(
    machine: &Machine,
    dense: &mut Dense,
    visit: &mut Visit<'_>,
) -> Result<(), CompressError> {
    let (network, compute, block) = (machine.network(), &machine.compute, dense.block);
    for at in std::iter::once(None).chain((0..network.inputs()).map(Some)) {
        if let Some(input) = at {
            let inputs: Vec<&[f32]> = dense.walkers.iter().map(|walker| &*walker.input).collect();
            visit(InputId { block, input }, &inputs.concat())?;
            machine.cancel.check_stopped()?;
        }
        let part = Walker::load(network, compute, &machine.catalog, block, at)?;
        for (batch, walker) in dense.batches.iter().zip(&mut dense.walkers) {
            walker.step(network, compute, &part, batch, at);
        }
        machine.cancel.check_stopped()?;
    }
    for Walker { x, .. } in &dense.walkers {
        let what = format!("calibration activations after block {block}");
        finite::check(compute, &what, &machine.catalog.folder.name(), x)?;
    }
    dense.block += 1;
    Ok(())
}
