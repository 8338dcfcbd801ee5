//! Units before the first matrix is solved, where something is to be decided about matrices that must be known first: summaries of
//! them, on inputs of the dense model.

use super::decisions::put_json;
use super::dense::{Dense, dense_at, walk_block};
use super::{Machine, block_name};
use crate::CompressError;
use crate::allocate::matrix::{InputId, Matrix};
use crate::job::records::Journal;
use crate::plan::Plan;
use crate::prepass::survey::{self, Measure};
use crate::schedules::Summary;
use kerf_run::{Event, Host, Stage};
use kerf_tensors::Grid;

/// The unit of a block's summaries.
pub(super) fn unit(block: usize) -> String {
    format!("survey:{block}")
}

/// Summaries of the matrices of a block that something is to be decided about.
pub(super) fn survey(
    machine: &Machine,
    plan: &Plan,
    journal: &mut Journal,
    at_hand: &mut Option<Dense>,
    block: usize,
    host: &mut dyn Host,
) -> Result<(), CompressError> {
    let mut dense = dense_at(machine, plan, at_hand, block, host, || {
        survey::spread(&machine.sequences(), survey::tokens(machine.tokens()))
    })?;
    let mut summaries = Vec::new();
    walk_block(machine, &mut dense, &mut |id, x| {
        summarise(machine, plan, id, x, &mut summaries)
    })?;
    machine.cancel.check(host)?;
    *at_hand = Some(dense);
    let file = format!("survey-{block}.json");
    put_json(journal, unit(block), file, &summaries)?;
    let (done, total) = (block as u64 + 1, machine.blocks() as u64);
    let name = block_name(block, machine.blocks());
    let told = Event::new(Stage::Survey, done, total, "blocks", &name);
    host.event(told.with_share(1, 1));
    Ok(())
}

/// Summaries of the matrices that read the shared input `x` [tokens, cols].
fn summarise(
    machine: &Machine,
    plan: &Plan,
    id: InputId,
    x: &[f32],
    summaries: &mut Vec<Summary>,
) -> Result<(), CompressError> {
    let targets = plan.targets.iter();
    let open: Vec<&Matrix> = targets
        .filter(|matrix| matrix.input_id() == id && matrix.is_open())
        .collect();
    let Some(first) = open.first() else {
        return Ok(());
    };
    let damping_rel = plan.settings.options.damping_rel;
    let measure = Measure::new(&machine.compute, x, first.cols, damping_rel);
    for matrix in open {
        machine.cancel.check_stopped()?;
        let grid = |bits: u8| {
            let mut with_bits = matrix.clone();
            with_bits.set_bits(Some(bits));
            with_bits.grid
        };
        let grid_of = matrix
            .free_bits
            .then_some(&grid as &dyn Fn(u8) -> Option<Grid>);
        let w = machine.dense_weights(matrix)?;
        summaries.push(measure.summary(&matrix.name, &w, grid_of));
    }
    Ok(())
}
