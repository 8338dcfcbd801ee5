//! What was decided about the matrices, kept for a resume.

use super::probe::Probed;
use super::{Machine, search};
use crate::CompressError;
use crate::job::records::{Findings, Journal, Record};
use crate::plan::Plan;
use crate::schedules::Summary;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The unit of what follows from a survey.
pub(super) const ALLOCATION: &str = "allocate";

/// What was decided about one matrix.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decision {
    sparsity: f64,
    bits: Option<u8>,
    #[serde(default)]
    step: Option<f64>,
}

/// Decides about all matrices, by what the survey says.
pub(super) fn allocate(
    machine: &Machine,
    plan: &mut Plan,
    journal: &mut Journal,
) -> Result<(), CompressError> {
    let mut summaries: Vec<Summary> = Vec::new();
    for block in 0..machine.blocks() {
        let of_block = journal.value::<Vec<Summary>>(&super::survey::unit(block))?;
        summaries.extend(of_block.unwrap_or_default());
    }
    let probed = journal
        .value::<Vec<Probed>>(super::probe::PROBED)?
        .unwrap_or_default();
    let losses: HashMap<String, f64> = probed
        .into_iter()
        .map(|probed| (probed.name, probed.loss))
        .collect();
    if summaries.is_empty() {
        let targets = plan.targets.iter();
        summaries.extend(
            targets.map(|matrix| Summary::unknown(&matrix.name, matrix.rows * matrix.cols)),
        );
    }
    for summary in &mut summaries {
        summary.probe = losses.get(&summary.name).copied();
    }
    plan.allocate(&machine.catalog, &summaries)?;
    let decisions = decisions(plan);
    let unit = ALLOCATION.to_string();
    put_json(journal, unit, "allocation.json".into(), &decisions)
}

/// As it is now, for each target.
pub(super) fn decisions(plan: &Plan) -> Vec<Decision> {
    let targets = plan.targets.iter();
    targets
        .map(|matrix| Decision {
            sparsity: matrix.sparsity,
            bits: matrix.grid.map(|grid| grid.bits),
            step: matrix.step,
        })
        .collect()
}

/// What an earlier run decided.
pub(super) fn recall_decisions(plan: &mut Plan, journal: &Journal) -> Result<(), CompressError> {
    for unit in [ALLOCATION, search::FOUND] {
        let decisions = journal.value::<Vec<Decision>>(unit)?;
        let decisions = decisions.unwrap_or_default();
        for (matrix, decision) in plan.targets.iter_mut().zip(decisions) {
            matrix.sparsity = decision.sparsity;
            matrix.set_bits(decision.bits);
            matrix.step = decision.step;
        }
    }
    Ok(())
}

/// Keeps plain data as the file of a unit.
pub(super) fn put_json(
    journal: &mut Journal,
    unit: String,
    file: String,
    value: &impl Serialize,
) -> Result<(), CompressError> {
    Ok(journal.put_value(Record::new(unit, file, Findings::default()), value)?)
}
