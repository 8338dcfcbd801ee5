//! A budget is met by what was spent, not by what was foreseen: before each matrix the steps of all that are left are set anew.

use super::Machine;
use super::solve::Solver;
use crate::allocate::matrix::Matrix;
use crate::allocate::sizes;
use crate::allocate::steps;
use crate::job::overlay::unit_of;
use crate::job::records::Journal;
use crate::options::resolve::Budget;
use crate::plan::Plan;
use crate::plan::solve_unit;
use crate::report::LayerReport;

/// Matrices after which what was foreseen is corrected by what was spent: the share of one is not that of all.
const LEAST_SPENT: usize = 3;

/// Step of a matrix that is to be solved now, if its method chooses the rate. Follows from the matrices before it, so it is the same
/// after a resume.
pub(super) fn step_now(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    solver: &Solver,
    matrix: &Matrix,
) -> Option<f64> {
    let step = matrix.step?;
    let allowance = plan.allowance(&machine.catalog)?;
    let (mut spent, mut foreseen, mut count) = (0.0, 0.0, 0);
    let mut left = Vec::new();
    let rated = plan.targets.iter().filter(|other| other.step.is_some());
    for other in rated {
        match solved_layer(journal, solver, other) {
            Some(layer) => {
                spent += bytes(layer);
                foreseen += sizes::rated_bytes(other, layer.step.unwrap_or(1.0));
                count += 1;
            }
            None => left.push(other),
        }
    }
    let excess = match count >= LEAST_SPENT {
        true => spent / foreseen,
        false => 1.0,
    };
    let others =
        allowance.other_bytes + embedding_excess(machine, plan, journal, solver, allowance.budget);
    let allowed = allowance.cautious_bytes(&plan.targets) - others - spent;
    Some(steps::scaled(step, steps::factor(&left, allowed, excess)))
}

/// What the embeddings took more than was foreseen; a budget of bits does not count them.
fn embedding_excess(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    solver: &Solver,
    budget: Budget,
) -> f64 {
    if !matches!(budget, Budget::Bytes(_)) {
        return 0.0;
    }
    let embeddings = plan.embeddings.iter();
    let excess = embeddings.filter_map(|matrix| {
        let dtype = machine.catalog.tensors[matrix.tensor].dtype;
        Some(
            bytes(solved_layer(journal, solver, matrix)?)
                - sizes::content_bytes(matrix, dtype) as f64,
        )
    });
    excess.sum()
}

fn solved_layer<'a>(
    journal: &'a Journal,
    solver: &'a Solver,
    matrix: &Matrix,
) -> Option<&'a LayerReport> {
    let unit = solve_unit(&matrix.name);
    solver
        .layer(&unit)
        .or_else(|| unit_of(journal, &matrix.name)?.payload.layer.as_ref())
}

fn bytes(layer: &LayerReport) -> f64 {
    layer.bits_per_weight * (layer.shape[0] * layer.shape[1]) as f64 / 8.0
}
