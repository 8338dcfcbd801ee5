//! Bits of a code for each matrix under one budget of bytes, by what a survey says that rounding costs each.
//!
//! To give every matrix the bits that make their plain (or relative) losses least in sum is worse than the same bits everywhere:
//! small matrices win cheap bits and large ones pay with 2. So a matrix counts by its size, by how its own loss grows as bits go,
//! and only by the root of how much its part (its block, or itself where the option `granularity` is `matrix`) loses of its output: half of
//! what would make all parts lose alike.

use crate::CompressError;
use crate::allocate::knapsack::{Choice, choose, least_bytes};
use crate::allocate::matrix::Matrix;
use crate::allocate::sizes;
use crate::options::bad_option;
use crate::options::resolve::Budget;
use crate::plan::Plan;
use crate::schedules::Granularity;
use crate::schedules::{Summary, WIDTHS};
use kerf_tensors::amount;
use kerf_tensors::{Catalog, DType};
use std::collections::HashMap;

/// Of the budget: headers are foreseen to within this.
const HEADROOM: f64 = 0.002;
/// Of the budget, where the bits of all matrices are chosen before the first is coded.
const UNSEEN: f64 = 0.008;
/// Bits at which parts are compared.
const USUAL: u8 = 4;

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
    let free: Vec<&Matrix> = plan
        .targets
        .iter()
        .filter(|matrix| matrix.free_bits)
        .collect();
    if free.is_empty() {
        return Ok(());
    }
    let summaries: Vec<Option<&Summary>> = free
        .iter()
        .map(|matrix| by_name.get(matrix.name.as_str()).copied())
        .collect();
    // Blocks, unless each matrix is asked for: inside a block losses tell little.
    let granularity = match plan.settings.spreading.granularity {
        Granularity::Matrix => Granularity::Matrix,
        Granularity::Nested | Granularity::Block => Granularity::Block,
    };
    let stakes = stakes(&free, &summaries, granularity);
    let matrices = free.iter().zip(&summaries).zip(&stakes);
    let items: Vec<Vec<Choice>> = matrices
        .map(|((matrix, summary), stake)| choices(matrix, catalog, *summary, *stake))
        .collect();
    let others = other_bytes(plan, catalog, budget);
    let weights = plan.target_weights();
    let left = (allowed(plan, budget) * (1.0 - UNSEEN) - others).max(0.0) as u64;
    let Some(chosen) = choose(&items, left) else {
        let least = (least_bytes(&items) as f64 + others) / (1.0 - UNSEEN);
        let why = "which 2 bits everywhere take (or more sparsity)";
        return Err(too_little(budget, least, weights, why));
    };
    let free = plan.targets.iter_mut().filter(|matrix| matrix.free_bits);
    for (matrix, index) in free.zip(chosen) {
        matrix.set_bits(Some(WIDTHS[index]));
    }
    Ok(())
}

/// One choice for each of [`WIDTHS`].
fn choices(
    matrix: &Matrix,
    catalog: &Catalog,
    summary: Option<&Summary>,
    stake: f64,
) -> Vec<Choice> {
    let dtype = catalog.tensors[matrix.tensor].dtype;
    let survivors = (matrix.rows * matrix.cols) as f64 * (1.0 - matrix.sparsity);
    let choice = |bits: u8| {
        let mut with_bits = matrix.clone();
        with_bits.set_bits(Some(bits));
        Choice {
            bytes: foreseen_bytes(&with_bits, dtype, summary),
            loss: survivors * stake * growth(bits, summary),
        }
    };
    WIDTHS.into_iter().map(choice).collect()
}

/// Bytes of a matrix: as foreseen for normally distributed weights, times what the survey saw of the codes of its own weights over
/// what is foreseen of them, both without zeros.
fn foreseen_bytes(matrix: &Matrix, dtype: DType, summary: Option<&Summary>) -> u64 {
    let foreseen = sizes::content_bytes(matrix, dtype);
    let seen = matrix
        .grid
        .and_then(|grid| Some((grid, summary?.rounding(grid.bits)?)));
    match seen {
        Some((grid, seen)) => {
            let expected = sizes::dense_code_bits(grid, matrix.cols);
            (foreseen as f64 * seen.code_bits / expected).ceil() as u64
        }
        None => foreseen,
    }
}

/// How much more a matrix loses than with [`USUAL`] bits.
fn growth(bits: u8, summary: Option<&Summary>) -> f64 {
    let usual = summary.and_then(|summary| summary.rounding_loss(USUAL));
    let own = summary.and_then(|summary| summary.rounding_loss(bits));
    match (own, usual.filter(|usual| *usual > 0.0)) {
        (Some(own), Some(usual)) => own / usual,
        _ => 0.25f64.powi(i32::from(bits) - i32::from(USUAL)),
    }
}

/// For each matrix the root of what its part loses of its output with [`USUAL`] bits; 1 where that is not known.
fn stakes(
    matrices: &[&Matrix],
    summaries: &[Option<&Summary>],
    granularity: Granularity,
) -> Vec<f64> {
    let places = granularity.places(matrices.iter().map(|matrix| matrix.block));
    let relative = |summary: &Summary| {
        let lost = summary.rounding_loss(USUAL)?;
        (summary.output_energy > 0.0).then(|| lost / summary.output_energy)
    };
    // Loss and weights of each part.
    let mut parts = vec![(0.0, 0.0); places.iter().max().map_or(0, |last| last + 1)];
    for ((matrix, summary), place) in matrices.iter().zip(summaries).zip(&places) {
        if let Some(lost) = summary.and_then(relative) {
            let weights = (matrix.rows * matrix.cols) as f64;
            parts[*place].0 += weights * lost;
            parts[*place].1 += weights;
        }
    }
    let stake = |place: usize| match parts[place] {
        (lost, weights) if lost > 0.0 => f64::sqrt(lost / weights),
        _ => 1.0,
    };
    places.into_iter().map(stake).collect()
}

/// What a budget allows, a little less for what is only foreseen.
pub(crate) fn allowed_bytes(plan: &Plan, budget: Budget) -> f64 {
    allowed(plan, budget) * (1.0 - HEADROOM)
}

/// What a budget allows.
pub(crate) fn allowed(plan: &Plan, budget: Budget) -> f64 {
    match budget {
        Budget::Bits(bits) => bits * plan.target_weights() as f64 / 8.0,
        Budget::Size(bits) => bits * free_weights(plan) as f64 / 8.0 + fixed_bytes(plan),
        Budget::Bytes(bytes) => bytes as f64,
    }
}

/// What the matrices of a size take whatever its bits are: a size is as good in a model of small matrices, where that is much.
fn fixed_bytes(plan: &Plan) -> f64 {
    let free = plan.targets.iter().filter(|matrix| is_free(matrix));
    free.map(sizes::fixed_bytes).sum()
}

/// What a reader should know where a size comes out larger than its name says: a note from a tenth of a bit on.
pub(crate) fn note_small_matrices(plan: &Plan, catalog: &Catalog) -> Option<String> {
    let bits = match plan.settings.budget {
        Some(Budget::Size(bits)) if plan.targets.iter().all(is_free) => bits,
        _ => return None,
    };
    let beside = plan.report(catalog).bits_per_weight - bits;
    (beside >= 0.1).then(|| {
        format!("the matrices are small: their tables and headers take {beside:.1} bits a weight beside the {bits} bits of the size (a budget, `targetBits`, counts them)")
    })
}

/// Weights of the matrices that the budget is for.
fn free_weights(plan: &Plan) -> usize {
    let free = plan.targets.iter().filter(|matrix| is_free(matrix));
    free.map(|matrix| matrix.rows * matrix.cols).sum()
}

/// Whether a budget decides about a matrix.
fn is_free(matrix: &Matrix) -> bool {
    matrix.free_bits || matrix.step.is_some()
}

/// Bytes that the budget counts beside those of the matrices that it is for: of a size none.
pub(crate) fn other_bytes(plan: &Plan, catalog: &Catalog, budget: Budget) -> f64 {
    let report = plan.report(catalog);
    let free = |name: &str| {
        plan.targets
            .iter()
            .any(|matrix| is_free(matrix) && matrix.name == name)
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
        Budget::Size(_) => 0.0,
        Budget::Bytes(_) => of(&|_| true) as f64 + (report.output_bytes - tensors) as f64,
    }
}

/// A budget below what is possible; `why` follows the least one.
pub(crate) fn too_little(
    budget: Budget,
    least_bytes: f64,
    weights: usize,
    why: &str,
) -> CompressError {
    let least_bits = || (least_bytes * 8.0 / weights as f64 * 1000.0).ceil() / 1000.0;
    match budget {
        Budget::Bits(bits) => {
            let expected = format!("at least {}, {why}", least_bits());
            bad_option("targetBits", &expected, bits)
        }
        Budget::Size(bits) => {
            let least = least_bits();
            let expected = format!("one of at least {least} bits a weight, {why}");
            bad_option("preset", &expected, format!("one of {bits}"))
        }
        Budget::Bytes(bytes) => {
            let least = least_bytes.ceil() as u64;
            let expected = format!("at least {}, {why}", amount::bytes_at_least(least));
            bad_option("targetBytes", &expected, amount::bytes(bytes))
        }
    }
}
