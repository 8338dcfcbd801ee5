//! Steps of matrices whose method chooses its rate: in inverse proportion to how much each matters, times one factor that meets the budget.

use super::allowance::Allowance;
use super::matrix::Matrix;
use super::sizes;
use crate::CompressError;
use crate::schedules::{self, ScheduleItem, Summary};
use std::collections::HashMap;

/// Limits of the common factor.
const FACTORS: (f64, f64) = (1e-2, 1e2);
/// Steps at which next to nothing is left: a third of a bit.
const COARSEST: f64 = 4.0;
/// Finest step, which asks for about 6.7 bits a weight. (`LARGEST_CODE` of the solver keeps single large weights at any step.)
const FINEST: f64 = 0.04;
/// Halvings of their logarithm.
const HALVINGS: usize = 60;

/// Sets the steps of all matrices that have one, by what was measured of each.
///
/// # Errors
/// `BAD_OPTION` for a budget that leaves next to nothing of the weights.
pub(crate) fn allocate(
    targets: &mut [Matrix],
    allowance: &Allowance,
    summaries: &HashMap<&str, &Summary>,
) -> Result<(), CompressError> {
    let rated: Vec<usize> = (0..targets.len())
        .filter(|index| targets[*index].step.is_some())
        .collect();
    if rated.is_empty() {
        return Ok(());
    }
    let parts: Vec<ScheduleItem> = rated
        .iter()
        .map(|index| {
            let matrix = &targets[*index];
            let summary = summaries.get(matrix.name.as_str());
            let probe = summary.and_then(|summary| summary.probe);
            ScheduleItem::probed(matrix.rows * matrix.cols, probe)
        })
        .collect();
    for (index, importance) in rated.iter().zip(schedules::importances(&parts)) {
        targets[*index].step = Some(1.0 / importance);
    }
    let others = allowance.other_bytes;
    let (all, cautious) = (allowance.bytes(targets), allowance.cautious_bytes(targets));
    let left = cautious - others;
    let matrices: Vec<&Matrix> = rated.iter().map(|index| &targets[*index]).collect();
    let least: f64 = matrices
        .iter()
        .map(|matrix| sizes::rated_bytes(matrix, COARSEST))
        .sum();
    if left < least {
        let bytes = (least + others) / (cautious / all);
        let why = "or nearly all weights are zero";
        return Err(allowance.too_little(bytes, targets, why));
    }
    let factor = factor(&matrices, left, 1.0);
    for index in rated {
        if let Some(step) = &mut targets[index].step {
            *step = scaled(*step, factor);
        }
    }
    Ok(())
}

/// A step times the common factor.
pub(crate) fn scaled(step: f64, factor: f64) -> f64 {
    (step * factor).max(FINEST)
}

/// The factor of the steps with which the matrices are expected to take `bytes`, if they take `excess` times what is foreseen.
pub(crate) fn factor(matrices: &[&Matrix], bytes: f64, excess: f64) -> f64 {
    let expected = |factor: f64| {
        let each = matrices
            .iter()
            .map(|matrix| sizes::rated_bytes(matrix, scaled(matrix.step.unwrap_or(1.0), factor)));
        each.sum::<f64>() * excess
    };
    let (mut low, mut high) = (FACTORS.0.ln(), FACTORS.1.ln());
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        match expected(middle.exp()) > bytes {
            true => low = middle,
            false => high = middle,
        }
    }
    high.exp()
}
