//! Bits of a code for each matrix under one budget of bytes, by what a survey says that rounding costs each.
//!
//! To give every matrix the bits that make their plain (or relative) losses least in sum is worse than the same bits everywhere:
//! small matrices win cheap bits and large ones pay with 2. So a matrix counts by its size, by how its own loss grows as bits go,
//! and only by the root of how much its part (its block, or itself where the option `granularity` is `matrix`) loses of its output: half of
//! what would make all parts lose alike.

use super::allowance::Allowance;
use super::knapsack::{Choice, choose, least_bytes};
use super::matrix::Matrix;
use super::sizes;
use crate::CompressError;
use crate::schedules::{Granularity, Summary, WIDTHS};
use kerf_tensors::DType;
use std::collections::HashMap;

/// Of the budget, where the bits of all matrices are chosen before the first is coded.
const UNSEEN: f64 = 0.008;
/// Bits at which parts are compared.
const USUAL: u8 = 4;

/// Chooses the bits of all matrices that are free. Without summaries (before the survey) all matrices are taken to be alike, and every
/// bit to quarter the loss. `BAD_OPTION` if the budget is below what 2 bits everywhere take.
pub(crate) fn allocate(
    targets: &mut [Matrix],
    allowance: &Allowance,
    granularity: Granularity,
    dtype_of: &dyn Fn(&Matrix) -> DType,
    summaries: &HashMap<&str, &Summary>,
) -> Result<(), CompressError> {
    let free: Vec<&Matrix> = targets.iter().filter(|matrix| matrix.free_bits).collect();
    if free.is_empty() {
        return Ok(());
    }
    let summaries: Vec<Option<&Summary>> = free
        .iter()
        .map(|matrix| summaries.get(matrix.name.as_str()).copied())
        .collect();
    // Blocks, unless each matrix is asked for: inside a block losses tell little.
    let granularity = match granularity {
        Granularity::Matrix => Granularity::Matrix,
        Granularity::Nested | Granularity::Block => Granularity::Block,
    };
    let stakes = stakes(&free, &summaries, granularity);
    let matrices = free.iter().zip(&summaries).zip(&stakes);
    let items: Vec<Vec<Choice>> = matrices
        .map(|((matrix, summary), stake)| choices(matrix, dtype_of(matrix), *summary, *stake))
        .collect();
    let others = allowance.other_bytes;
    let left = (allowance.bytes(targets) * (1.0 - UNSEEN) - others).max(0.0) as u64;
    let Some(chosen) = choose(&items, left) else {
        let least = (least_bytes(&items) as f64 + others) / (1.0 - UNSEEN);
        let why = "which 2 bits everywhere take (or more sparsity)";
        return Err(allowance.too_little(least, targets, why));
    };
    let free = targets.iter_mut().filter(|matrix| matrix.free_bits);
    for (matrix, index) in free.zip(chosen) {
        matrix.set_bits(Some(WIDTHS[index]));
    }
    Ok(())
}

/// One choice for each of [`WIDTHS`].
fn choices(matrix: &Matrix, dtype: DType, summary: Option<&Summary>, stake: f64) -> Vec<Choice> {
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
