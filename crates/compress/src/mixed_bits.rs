//! Bits of a code for each matrix under one budget of bytes, by what a survey says that rounding costs each.
//!
//! Losses are compared as the energies of the outputs that are lost, relative to all of the output: a plain sum would be that of
//! the few matrices with the largest outputs.

use crate::CompressError;
use crate::knapsack::{Choice, choose, least_bytes};
use crate::matrices::Matrix;
use crate::options::bad_option;
use crate::plan::Plan;
use crate::settings::Budget;
use crate::sizes;
use crate::survey::{Summary, WIDTHS};
use kerf_tensors::Catalog;
use std::collections::HashMap;

/// Of the budget: headers are foreseen to within this.
const HEADROOM: f64 = 0.002;

/// Chooses the bits of all matrices of the plan that are free. Without summaries (before the survey) all matrices are taken to
/// be alike, and every bit to quarter the loss. `BAD_OPTION` if the budget is below what 2 bits everywhere take.
pub(crate) fn allocate(
    plan: &mut Plan,
    catalog: &Catalog,
    summaries: &[Summary],
) -> Result<(), CompressError> {
    let Some(budget) = plan.settings.budget else {
        return Ok(());
    };
    let by_name: HashMap<&str, &Summary> = summaries
        .iter()
        .map(|summary| (summary.name.as_str(), summary))
        .collect();
    let free = plan.targets.iter().filter(|matrix| matrix.free_bits);
    let items: Vec<Vec<Choice>> = free
        .map(|matrix| choices(matrix, catalog, by_name.get(matrix.name.as_str()).copied()))
        .collect();
    let others = other_bytes(plan, catalog, budget);
    let weights = plan.target_weights();
    let allowed = match budget {
        Budget::Bits(bits) => bits * weights as f64 / 8.0,
        Budget::Bytes(bytes) => bytes as f64,
    };
    let left = (allowed * (1.0 - HEADROOM) - others).max(0.0) as u64;
    let Some(chosen) = choose(&items, left) else {
        let least = (least_bytes(&items) as f64 + others) / (1.0 - HEADROOM);
        return Err(too_little(budget, least, weights));
    };
    let free = plan.targets.iter_mut().filter(|matrix| matrix.free_bits);
    for (matrix, index) in free.zip(chosen) {
        matrix.set_bits(Some(WIDTHS[index]));
    }
    Ok(())
}

/// One choice for each of [`WIDTHS`].
fn choices(matrix: &Matrix, catalog: &Catalog, summary: Option<&Summary>) -> Vec<Choice> {
    let dtype = catalog.tensors[matrix.tensor].dtype;
    let choice = |bits: u8| {
        let mut with_bits = matrix.clone();
        with_bits.set_bits(Some(bits));
        Choice {
            bytes: sizes::content_bytes(&with_bits, dtype),
            loss: loss(matrix, bits, summary),
        }
    };
    WIDTHS.into_iter().map(choice).collect()
}

/// What rounding to so many bits costs the survivors, as a share of the output.
fn loss(matrix: &Matrix, bits: u8, summary: Option<&Summary>) -> f64 {
    let kept = 1.0 - matrix.sparsity;
    match summary.and_then(|summary| Some((summary, summary.rounding_loss(bits)?))) {
        Some((summary, loss)) if summary.output_energy > 0.0 => kept * loss / summary.output_energy,
        Some(_) => 0.0,
        None => kept * (matrix.rows * matrix.cols) as f64 * 0.25f64.powi(i32::from(bits)),
    }
}

/// Bytes that the budget counts beside those of the free matrices.
fn other_bytes(plan: &Plan, catalog: &Catalog, budget: Budget) -> f64 {
    let report = plan.report(catalog);
    let free = |name: &str| {
        plan.targets
            .iter()
            .any(|matrix| matrix.free_bits && matrix.name == name)
    };
    let of = |counts: &dyn Fn(&str) -> bool| -> u64 {
        let counted = report.tensors.iter().filter(|tensor| counts(&tensor.part));
        let fixed = counted.filter(|tensor| tensor.part != "target" || !free(&tensor.name));
        fixed.map(|tensor| tensor.output_bytes).sum()
    };
    let tensors: u64 = report
        .tensors
        .iter()
        .map(|tensor| tensor.output_bytes)
        .sum();
    let targets = report
        .tensors
        .iter()
        .filter(|tensor| tensor.part == "target");
    let target_bytes: u64 = targets.map(|tensor| tensor.output_bytes).sum();
    let header = report.bits_per_weight / 8.0 * plan.target_weights() as f64 - target_bytes as f64;
    match budget {
        Budget::Bits(_) => of(&|part| part == "target") as f64 + header,
        Budget::Bytes(_) => of(&|_| true) as f64 + (report.output_bytes - tensors) as f64,
    }
}

fn too_little(budget: Budget, least_bytes: f64, weights: usize) -> CompressError {
    match budget {
        Budget::Bits(bits) => {
            let least = (least_bytes * 8.0 / weights as f64 * 1000.0).ceil() / 1000.0;
            let expected =
                format!("at least {least}, which 2 bits everywhere take (or more sparsity)");
            bad_option("targetBits", &expected, bits)
        }
        Budget::Bytes(bytes) => {
            let least = least_bytes.ceil() as u64;
            let expected =
                format!("at least {least}, which 2 bits everywhere take (or more sparsity)");
            bad_option("targetBytes", &expected, bytes)
        }
    }
}
