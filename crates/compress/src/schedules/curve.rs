//! A loss as a function of the share of weights that are removed.

use serde::{Deserialize, Serialize};

/// Pieces of a curve.
const PIECES: usize = 128;

/// L(s) at s = 0, 1/128, ... 1, straight between these points. L(0) = 0; convex and rising, since the cheapest go first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossCurve(Vec<f64>);

impl LossCurve {
    /// No loss at all.
    pub fn zero() -> Self {
        Self(vec![0.0; PIECES + 1])
    }

    /// From groups of weights with about the same cost, cheapest first: (how many, cost of each).
    pub fn of_groups(groups: impl Iterator<Item = (u64, f64)> + Clone) -> Self {
        let total: u64 = groups.clone().map(|(count, _)| count).sum();
        let mut curve = Self::zero();
        if total == 0 {
            return curve;
        }
        let rank = |point: usize| point as f64 * total as f64 / PIECES as f64;
        let (mut removed, mut loss, mut point) = (0.0, 0.0, 1);
        for (count, cost) in groups {
            let end = removed + count as f64;
            while point <= PIECES && rank(point) <= end {
                curve.0[point] = loss + (rank(point) - removed) * cost;
                point += 1;
            }
            loss += count as f64 * cost;
            removed = end;
        }
        // Rounding may leave the last point just beyond the last weight.
        curve.0[point..].fill(loss);
        curve
    }

    /// L(s), `s` from 0 to 1.
    pub fn at(&self, sparsity: f64) -> f64 {
        let place = sparsity.clamp(0.0, 1.0) * PIECES as f64;
        let index = (place as usize).min(PIECES - 1);
        let part = place - index as f64;
        self.0[index] * (1.0 - part) + self.0[index + 1] * part
    }

    /// Adds `factor` times another curve.
    pub fn add_scaled(&mut self, other: &Self, factor: f64) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += factor * theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_the_cumulative_sum_of_the_sorted_costs() {
        let costs: Vec<f64> = (0..1000).map(|i| f64::from(i * i) + 1.0).collect();
        let curve = LossCurve::of_groups(costs.iter().map(|cost| (1, *cost)));
        for share in [0.0, 0.1, 0.25, 0.5, 0.777, 0.9, 1.0] {
            let exact: f64 = costs[..(share * 1000.0) as usize].iter().sum();
            let difference = (curve.at(share) - exact).abs();
            // The chord of a piece lies above the curve, most in relative terms at its cheap end.
            assert!(
                difference <= 0.01 * exact + 100.0,
                "{share} {exact} {difference}"
            );
        }
        assert_eq!(curve.at(1.0), costs.iter().sum::<f64>());
    }

    #[test]
    fn empty_and_scaled() {
        let empty = LossCurve::of_groups(std::iter::empty());
        assert_eq!(empty, LossCurve::zero());
        let one = LossCurve::of_groups(std::iter::once((10, 2.0)));
        assert_eq!(one.at(0.5), 10.0);
        let mut sum = LossCurve::zero();
        sum.add_scaled(&one, 0.5);
        sum.add_scaled(&one, 1.0);
        assert_eq!(sum.at(0.5), 15.0);
    }
}
