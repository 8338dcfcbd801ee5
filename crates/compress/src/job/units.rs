//! The units of a job, in order.

use super::records::Journal;
use super::{activations, decisions, measure, probe, recover, search, survey};
use crate::allocate::matrix::{InputId, Matrix};
use crate::plan::{Plan, solve_unit};
use crate::prepass::probe::Probe;
use crate::prepass::search::Search;
use crate::prepass::survey::Survey;
use crate::prepass::{Prepass, PrepassUnit};
use kerf_model::Network;

/// One piece of work. Running it twice gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Solve the matrix of that index among all (embeddings first).
    Solve(usize),
    /// A look at the dense model.
    Prepass(PrepassUnit),
    /// What each matrix becomes, from all summaries.
    Allocate,
    /// Second moments of a shared input (block, input), after the matrices before it in the block.
    Statistics(usize, usize),
    /// Inputs of the next block, through the block as decoded from its unit files.
    Forward(usize),
    /// Teach a block the outputs of the dense one.
    Recover(usize),
    /// Teach the whole model.
    RecoverWhole,
    /// How close the result is to the original, on text that calibration did not see.
    Measure,
    /// All files of the result.
    Write,
}

impl Unit {
    /// The phase that it counts as.
    pub(super) fn phase(self) -> &'static str {
        match self {
            Self::Solve(_) => "solve",
            Self::Prepass(PrepassUnit::Levels(_) | PrepassUnit::Search) => "search",
            Self::Prepass(_) | Self::Allocate => "survey",
            Self::Statistics(..) => "statistics",
            Self::Forward(_) => "forward",
            Self::Recover(_) | Self::RecoverWhole => "recover",
            Self::Measure => "measure",
            Self::Write => "write",
        }
    }

    /// The block that it counts as.
    pub(super) fn block(self, plan: &Plan) -> Option<usize> {
        match self {
            Self::Solve(index) => matrix_at(plan, index)
                .block_and_role()
                .map(|(block, _)| block),
            Self::Prepass(PrepassUnit::Survey(block) | PrepassUnit::Levels(block)) => Some(block),
            Self::Statistics(block, _) | Self::Forward(block) | Self::Recover(block) => Some(block),
            Self::Prepass(_)
            | Self::Allocate
            | Self::RecoverWhole
            | Self::Measure
            | Self::Write => None,
        }
    }

    /// Whether there is nothing left to do: the journal has it, or all that needed it.
    pub(super) fn is_done(self, plan: &Plan, journal: &Journal) -> bool {
        let solved = |matrix: &Matrix| journal.has(&solve_unit(&matrix.name));
        match self {
            Self::Solve(index) => solved(matrix_at(plan, index)),
            Self::Prepass(unit) => has_looked(unit, plan, journal),
            Self::Allocate => journal.has(decisions::ALLOCATION),
            Self::Measure => journal.has(measure::MEASURED),
            Self::Recover(block) => journal.has(&recover::unit(block)),
            Self::RecoverWhole => journal.has(recover::WHOLE),
            Self::Statistics(block, input) => {
                let id = InputId { block, input };
                let mut readers = plan.targets.iter().filter(|matrix| matrix.input_id() == id);
                readers.all(solved)
            }
            Self::Forward(block) => {
                let mut later = plan.targets.iter().filter(|matrix| matrix.block > block);
                let blocks = plan.network.as_ref().map_or(0, Network::blocks);
                later.all(solved) || (block + 1..blocks).any(|b| journal.has(&activations::unit(b)))
            }
            Self::Write => false,
        }
    }
}

fn has_looked(unit: PrepassUnit, plan: &Plan, journal: &Journal) -> bool {
    let decided = journal.has(decisions::ALLOCATION);
    match unit {
        PrepassUnit::Survey(block) => journal.has(&survey::unit(block)) || decided,
        PrepassUnit::Probe => journal.has(probe::PROBED) || decided,
        PrepassUnit::Levels(block) => search::levels_done(plan, journal, block),
        PrepassUnit::Search => journal.has(search::FOUND),
    }
}

/// The matrix of an index among all, embeddings first.
pub(super) fn matrix_at(plan: &Plan, index: usize) -> &Matrix {
    let embeddings = &plan.embeddings;
    embeddings
        .get(index)
        .unwrap_or_else(|| &plan.targets[index - embeddings.len()])
}

/// All units of a plan. `measures`: whether there is text to measure on.
pub(super) fn units(plan: &Plan, measures: bool) -> Vec<Unit> {
    let embeddings = plan.embeddings.len();
    let mut units: Vec<Unit> = (0..embeddings).map(Unit::Solve).collect();
    let blocks = plan
        .network
        .as_ref()
        .filter(|_| plan.calibrated())
        .map_or(1, Network::blocks);
    let prepass = |prepass: &dyn Prepass| match prepass.runs(&plan.settings, &plan.targets) {
        true => prepass.units(blocks),
        false => Vec::new(),
    };
    let before = [prepass(&Survey), prepass(&Probe)].concat();
    if !before.is_empty() {
        units.extend(before.into_iter().map(Unit::Prepass));
        units.push(Unit::Allocate);
    }
    units.extend(prepass(&Search).into_iter().map(Unit::Prepass));
    for block in 0..blocks {
        let mut collected = None;
        let of_block = plan.targets.iter().enumerate();
        for (i, matrix) in
            of_block.filter(|(_, matrix)| matrix.block == block || !plan.calibrated())
        {
            if plan.calibrated() && collected != Some(matrix.input) {
                units.push(Unit::Statistics(block, matrix.input));
                collected = Some(matrix.input);
            }
            units.push(Unit::Solve(embeddings + i));
        }
        if plan.recovers_blocks() && plan.targets.iter().any(|matrix| matrix.block == block) {
            units.push(Unit::Recover(block));
        }
        if plan.calibrated() && block + 1 < blocks {
            units.push(Unit::Forward(block));
        }
    }
    if plan.recovers_whole() {
        units.push(Unit::RecoverWhole);
    }
    if measures {
        units.push(Unit::Measure);
    }
    units.push(Unit::Write);
    units
}
