//! Levels of estimated error (Zhang, Chen, He, Zhang: Aggressive Post-Training Compression on Extremely Large Language Models,
//! 2409.20094): what removing the share S would cost each part is estimated from the inverse Hessian, the logarithms are clustered
//! into a few levels, and each level gets S + slope * (mean - its own), so that a tenfold loss is answered by `slope` less sparsity.
//!
//! The logarithm is there because losses range over orders of magnitude with depth and kind of matrix, and the least plain sum of
//! them would starve the first blocks. The paper leaves open what is set here: the limits S - 0.25 and S + 0.15 (never
//! more than 0.95), and the budget met by a common shift.

use super::budget::shifted;
use super::clusters::cluster;
use super::{Asked, Knowledge, Schedule, ScheduleItem};

/// Of the largest loss: what is smaller counts as this.
const LEAST_LOSS_REL: f64 = 1e-12;
/// How far below and above the mean a share may lie.
const REACH: (f64, f64) = (0.25, 0.15);
/// No share above this, unless all are.
const MOST: f64 = 0.95;

pub(super) struct ErrorLevels;

impl Schedule for ErrorLevels {
    fn id(&self) -> &'static str {
        "error-levels"
    }

    fn needs(&self) -> Knowledge {
        Knowledge::Losses
    }

    fn allocate(&self, parts: &[ScheduleItem], asked: &Asked) -> Vec<f64> {
        let losses: Vec<f64> = parts
            .iter()
            .map(|part| part.loss.at(asked.sparsity))
            .collect();
        let largest = losses.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 {
            return vec![asked.sparsity; parts.len()];
        }
        let logs = losses
            .iter()
            .map(|loss| loss.max(largest * LEAST_LOSS_REL).log10());
        let logs = leveled(parts, logs.collect(), asked.levels);
        let mean = weighted_mean(parts, &logs, |_| true);
        let wanted: Vec<f64> = logs
            .iter()
            .map(|log| asked.sparsity + asked.slope * (mean - log))
            .collect();
        shifted(parts, &wanted, limits(asked.sparsity), asked.sparsity)
    }
}

/// Least and largest share of any part.
pub(crate) fn limits(sparsity: f64) -> (f64, f64) {
    let most = (sparsity + REACH.1).min(MOST.max(sparsity));
    ((sparsity - REACH.0).max(0.0), most)
}

/// The mean of its level in place of each value; 0 levels leave the values as they are.
fn leveled(parts: &[ScheduleItem], values: Vec<f64>, levels: usize) -> Vec<f64> {
    if levels == 0 {
        return values;
    }
    let clusters = cluster(&values, levels);
    let means: Vec<f64> = (0..levels)
        .map(|level| weighted_mean(parts, &values, |index| clusters[index] == level))
        .collect();
    clusters.into_iter().map(|level| means[level]).collect()
}

fn weighted_mean(parts: &[ScheduleItem], values: &[f64], counts: impl Fn(usize) -> bool) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (index, (part, value)) in parts.iter().zip(values).enumerate() {
        if counts(index) {
            sum += part.weights as f64 * value;
            weights += part.weights as f64;
        }
    }
    sum / f64::max(weights, 1.0)
}
