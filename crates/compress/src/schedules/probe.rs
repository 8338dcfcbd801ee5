//! Shares by what each part is measured to cost the network (job/probe.rs): densities in proportion to the fourth root of loss over size.
//!
//! Were losses quadratic in the error and did they add up, the root would be right for steps of a grid; measured, 0.25 and 0.4 do alike and
//! better, since the losses of many coarse matrices do not add up. Ours; research notes and benches/quality have the comparison.

use super::{Asked, Knowledge, Schedule, ScheduleItem};

/// Power of loss over size.
const POWER: f64 = 0.25;
/// How far a part may be from the mean, either way.
const REACH: f64 = 2.0;
/// Densities above this, or the mean one, are of no use.
const DENSEST: f64 = 0.7;
/// Halvings of the interval of the common factor.
const HALVINGS: usize = 100;

pub(super) struct Probe;

impl Schedule for Probe {
    fn id(&self) -> &'static str {
        "probe"
    }

    fn needs(&self) -> Knowledge {
        Knowledge::Probes
    }

    fn tells_matrices_apart(&self) -> bool {
        true
    }

    fn allocate(&self, parts: &[ScheduleItem], asked: &Asked) -> Vec<f64> {
        let weights = importances(parts);
        let keep = 1.0 - asked.sparsity;
        let most = DENSEST.max(keep);
        let total: f64 = parts.iter().map(|part| part.weights as f64).sum();
        let density =
            |factor: f64, weight: f64| (keep * factor * weight).clamp(0.01f64.min(keep), most);
        let reached = |factor: f64| {
            let kept = parts.iter().zip(&weights);
            kept.map(|(part, weight)| part.weights as f64 * density(factor, *weight))
                .sum::<f64>()
                / total
        };
        let (mut low, mut high) = (0.0, 2.0 * REACH * most / keep);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            match reached(middle) < keep {
                true => low = middle,
                false => high = middle,
            }
        }
        weights
            .iter()
            .map(|weight| 1.0 - density(high, *weight))
            .collect()
    }
}

/// For each part how much more than the mean it matters, for each of its weights: the mean of the logarithms, weighted by size, is 0. 1
/// where nothing was measured.
pub(crate) fn importances(parts: &[ScheduleItem]) -> Vec<f64> {
    let log = |part: &ScheduleItem| {
        let loss = part.probe.filter(|loss| *loss > 0.0)?;
        Some(POWER * (loss / part.weights.max(1) as f64).ln())
    };
    let logs: Vec<Option<f64>> = parts.iter().map(log).collect();
    let known = parts
        .iter()
        .zip(&logs)
        .filter_map(|(part, log)| Some((part.weights as f64, (*log)?)));
    let (sum, total) = known.fold((0.0, 0.0), |(sum, total), (weights, log)| {
        (sum + weights * log, total + weights)
    });
    let mean = if total > 0.0 { sum / total } else { 0.0 };
    let importance =
        |log: &Option<f64>| log.map_or(1.0, |log| (log - mean).exp().clamp(1.0 / REACH, REACH));
    logs.iter().map(importance).collect()
}
