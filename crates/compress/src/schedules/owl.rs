//! Outlier weighed layerwise sparsity (Yin et al.: OWL, 2310.05175): parts with many outliers, weights whose |w| norm(x) is more than
//! five times the mean, keep more. The shares of outliers are stretched to 0..2 lambda, lambda = 0.08, and are what a part keeps
//! beyond the rest.
//!
//! The paper compares with the mean of a whole block; here each matrix has its own mean, and a block the mean of its matrices. Gains
//! are large for Wanda, small for a solver that updates weights, and gone at half the weights.

use super::budget::shifted;
use super::{Asked, Knowledge, Schedule, ScheduleItem};

/// Half of the range of shares.
const LAMBDA: f64 = 0.08;

pub(super) struct Owl;

impl Schedule for Owl {
    fn id(&self) -> &'static str {
        "owl"
    }

    fn needs(&self) -> Knowledge {
        Knowledge::Losses
    }

    fn allocate(&self, parts: &[ScheduleItem], asked: &Asked) -> Vec<f64> {
        let ratios = parts.iter().map(|part| part.outlier_ratio);
        let (low, high) = ratios.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), ratio| {
            (low.min(ratio), high.max(ratio))
        });
        if high <= low {
            return vec![asked.sparsity; parts.len()];
        }
        let kept = |part: &ScheduleItem| 2.0 * LAMBDA * (part.outlier_ratio - low) / (high - low);
        let wanted: Vec<f64> = parts
            .iter()
            .map(|part| asked.sparsity - kept(part))
            .collect();
        shifted(parts, &wanted, (0.0, 0.99), asked.sparsity)
    }
}
