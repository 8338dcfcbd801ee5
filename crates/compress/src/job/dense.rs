//! The dense model over a part of the calibration, block by block, before anything is compressed.

use super::{Machine, batches};
use crate::CompressError;
use crate::allocate::matrix::InputId;
use crate::plan::Plan;
use kerf_model::{Batch, finite};
use kerf_run::Host;

/// What the dense model computes for some tokens, at the start of a block.
pub(super) struct Dense {
    block: usize,
    batches: Vec<Batch>,
    /// Residual stream of each batch [tokens, hidden].
    x: Vec<Vec<f32>>,
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
    let embed = |batch: &Batch| {
        machine
            .network()
            .embed(&machine.compute, &machine.catalog, batch)
    };
    let x = batches.iter().map(embed).collect::<Result<_, _>>()?;
    let block = 0;
    Ok(Dense { block, batches, x })
}

/// Takes the dense model over its block; `visit` sees the values of each shared input on the way.
pub(super) fn walk_block(
    machine: &Machine,
    dense: &mut Dense,
    visit: &mut Visit<'_>,
) -> Result<(), CompressError> {
    let (network, compute, block) = (machine.network(), &machine.compute, dense.block);
    let norms = network.load_norms(compute, &machine.catalog, block)?;
    let pairs = dense.batches.iter().zip(&dense.x);
    let mut inputs: Vec<Vec<f32>> = pairs
        .map(|(batch, x)| network.first_input(compute, &norms, batch, x))
        .collect();
    for input in 0..network.inputs() {
        visit(InputId { block, input }, &inputs.concat())?;
        machine.cancel.check_stopped()?;
        let part = network.load_part(compute, &machine.catalog, block, input)?;
        let values = dense.batches.iter().zip(&mut dense.x).zip(&mut inputs);
        for ((batch, x), values) in values {
            let seen = std::mem::take(values);
            *values = network.next_input(compute, &part, batch, input, x, seen);
        }
        machine.cancel.check_stopped()?;
    }
    for x in &dense.x {
        let what = format!("calibration activations after block {block}");
        finite::check(compute, &what, &machine.catalog.folder.name(), x)?;
    }
    dense.block += 1;
    Ok(())
}
