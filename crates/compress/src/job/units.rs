//! The units of a job, in order.

use crate::plan::Plan;
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
            Self::Measure => "measure",
            Self::Write => "write",
        }
    }
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
        if plan.calibrated() && block + 1 < blocks {
            units.push(Unit::Forward(block));
        }
    }
    if measures {
        units.push(Unit::Measure);
    }
    units.push(Unit::Write);
    units
}
