//! Matrices as the parts that a schedule spreads over: one by one or block by block, their losses made comparable.

use super::{Asked, LossCurve, Schedule, ScheduleItem, Summary};

/// What gets a share of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Blocks, and then the matrices of each block by [`INSIDE`] of the slope: losses tell blocks apart better than kinds of
    /// matrices.
    Nested,
    /// Each matrix.
    Matrix,
    /// All matrices of a block alike.
    Block,
}

/// Share of the slope by which the matrices of one block are spread.
const INSIDE: f64 = 1.0 / 3.0;

impl Granularity {
    /// Names, as options have them.
    pub const IDS: [&str; 3] = ["nested", "matrix", "block"];

    /// By name.
    pub fn by_id(id: &str) -> Option<Self> {
        let all = [Self::Nested, Self::Matrix, Self::Block];
        let mut named = all.into_iter().zip(Self::IDS);
        named.find(|(_, name)| *name == id).map(|(value, _)| value)
    }

    /// For each matrix the number of its part, by its block.
    pub(crate) fn places(self, blocks: impl Iterator<Item = usize> + Clone) -> Vec<usize> {
        let mut sorted: Vec<usize> = blocks.clone().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let of_block = |block| sorted.binary_search(&block).unwrap_or_default();
        match self {
            Self::Nested | Self::Matrix => (0..blocks.count()).collect(),
            Self::Block => blocks.map(of_block).collect(),
        }
    }
}

/// What makes losses of different matrices comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossScale {
    /// The number of weights, as the paper of error-levels has it.
    Weights,
    /// The energy of the output.
    Output,
}

impl LossScale {
    /// Names, as options have them.
    pub const IDS: [&str; 2] = ["weights", "output"];

    /// By name.
    pub fn by_id(id: &str) -> Option<Self> {
        [Self::Weights, Self::Output]
            .into_iter()
            .zip(Self::IDS)
            .find(|(_, name)| *name == id)
            .map(|(value, _)| value)
    }
}

/// What is known of a matrix whose sparsity a schedule says.
#[derive(Clone, Copy, Debug)]
pub struct ScheduledMatrix<'a> {
    /// Block it belongs to; 0 if the architecture is not known.
    pub block: usize,
    /// Number of weights.
    pub weights: usize,
    /// What a survey says of it, if there was one.
    pub summary: Option<&'a Summary>,
}

/// One share per matrix, in order.
pub fn spread(
    schedule: &dyn Schedule,
    matrices: &[ScheduledMatrix<'_>],
    granularity: Granularity,
    scale: LossScale,
    asked: &Asked,
) -> Vec<f64> {
    if granularity == Granularity::Nested && schedule.tells_matrices_apart() {
        return spread_flat(schedule, matrices, Granularity::Matrix, scale, asked);
    }
    if granularity != Granularity::Nested {
        return spread_flat(schedule, matrices, granularity, scale, asked);
    }
    let mut shares = spread_flat(schedule, matrices, Granularity::Block, scale, asked);
    let places = Granularity::Block.places(matrices.iter().map(|matrix| matrix.block));
    for block in 0..places.iter().max().map_or(0, |last| last + 1) {
        let indices = (0..matrices.len()).filter(|index| places[*index] == block);
        let indices: Vec<usize> = indices.collect();
        let own: Vec<ScheduledMatrix<'_>> = indices.iter().map(|index| matrices[*index]).collect();
        let asked = Asked {
            sparsity: shares[indices[0]],
            slope: asked.slope * INSIDE,
            ..*asked
        };
        let inside = spread_flat(schedule, &own, Granularity::Matrix, scale, &asked);
        for (index, share) in indices.into_iter().zip(inside) {
            shares[index] = share;
        }
    }
    shares
}

fn spread_flat(
    schedule: &dyn Schedule,
    matrices: &[ScheduledMatrix<'_>],
    granularity: Granularity,
    scale: LossScale,
    asked: &Asked,
) -> Vec<f64> {
    let places = granularity.places(matrices.iter().map(|matrix| matrix.block));
    let count = places.iter().max().map_or(0, |last| last + 1);
    let mut parts: Vec<ScheduleItem> = (0..count).map(|_| ScheduleItem::empty()).collect();
    for (matrix, place) in matrices.iter().zip(&places) {
        parts[*place].add(matrix, scale);
    }
    parts.iter_mut().for_each(ScheduleItem::divide);
    let shares = schedule.allocate(&parts, asked);
    places.into_iter().map(|place| shares[place]).collect()
}

impl ScheduleItem {
    /// A part of which only what it costs the network was measured.
    pub(crate) fn probed(weights: usize, probe: Option<f64>) -> Self {
        Self {
            weights,
            probe,
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            weights: 0,
            loss: LossCurve::zero(),
            outlier_ratio: 0.0,
            probe: None,
        }
    }

    /// Adds what will be divided by the number of weights in the end.
    fn add(&mut self, matrix: &ScheduledMatrix<'_>, scale: LossScale) {
        self.weights += matrix.weights;
        let Some(summary) = matrix.summary else {
            return;
        };
        let weights = matrix.weights as f64;
        let factor = match scale {
            LossScale::Weights => 1.0,
            LossScale::Output if summary.output_energy > 0.0 => weights / summary.output_energy,
            LossScale::Output => 0.0,
        };
        self.loss.add_scaled(&summary.pruning, factor);
        self.outlier_ratio += weights * summary.outlier_ratio;
        if let Some(loss) = summary.probe {
            *self.probe.get_or_insert(0.0) += loss;
        }
    }

    fn divide(&mut self) {
        let weights = self.weights.max(1) as f64;
        let mut loss = LossCurve::zero();
        loss.add_scaled(&self.loss, 1.0 / weights);
        self.loss = loss;
        self.outlier_ratio /= weights;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::by_id;

    fn summary(weights: usize, cost: f64, output_energy: f64) -> Summary {
        Summary {
            name: String::new(),
            weights,
            output_energy,
            pruning: LossCurve::of_groups(std::iter::once((weights as u64, cost))),
            rounding: Vec::new(),
            outlier_ratio: 0.0,
            mean_residual: 1.0,
            mean_square: 1.0,
            probe: None,
        }
    }

    fn shares(summaries: &[Summary], granularity: Granularity, scale: LossScale) -> Vec<f64> {
        let matrices: Vec<ScheduledMatrix<'_>> = summaries
            .iter()
            .enumerate()
            .map(|(i, summary)| ScheduledMatrix {
                block: i / 2 * 3,
                weights: summary.weights,
                summary: Some(summary),
            })
            .collect();
        let asked = Asked {
            sparsity: 0.6,
            levels: 0,
            slope: 0.05,
        };
        spread(
            by_id("error-levels").unwrap(),
            &matrices,
            granularity,
            scale,
            &asked,
        )
    }

    #[test]
    fn blocks_get_one_share_and_the_budget_is_met() {
        let summaries = [
            summary(100, 1.0, 50.0),
            summary(300, 9.0, 50.0),
            summary(200, 100.0, 50.0),
            summary(50, 1000.0, 50.0),
        ];
        let by_block = shares(&summaries, Granularity::Block, LossScale::Weights);
        assert!(by_block[0] == by_block[1] && by_block[2] == by_block[3]);
        assert!(by_block[0] > by_block[2]);
        let by_matrix = shares(&summaries, Granularity::Matrix, LossScale::Weights);
        assert!(
            by_matrix.windows(2).all(|pair| pair[0] > pair[1]),
            "{by_matrix:?}"
        );
        // The same blocks, spread inside: as much lies between as within.
        let nested = shares(&summaries, Granularity::Nested, LossScale::Weights);
        assert!(nested[0] > by_block[0] && by_block[0] > nested[1]);
        assert!(nested[2] > by_block[2] && by_block[2] > nested[3]);
        for shares in [by_block, by_matrix, nested] {
            let removed = shares
                .iter()
                .zip(&summaries)
                .map(|(s, m)| s * m.weights as f64);
            assert!((removed.sum::<f64>() / 650.0 - 0.6).abs() < 1e-9);
        }
    }

    #[test]
    fn the_scale_decides_what_is_compared() {
        // As much loss a weight, but ten times the output.
        let summaries = [summary(100, 1.0, 10.0), summary(100, 1.0, 100.0)];
        let by_weights = shares(&summaries, Granularity::Matrix, LossScale::Weights);
        assert_eq!(by_weights[0], by_weights[1]);
        let by_output = shares(&summaries, Granularity::Matrix, LossScale::Output);
        assert!(
            (by_output[1] - by_output[0] - 0.05).abs() < 1e-9,
            "{by_output:?}"
        );
    }

    #[test]
    fn names_are_those_of_the_options() {
        assert_eq!(Granularity::by_id("block"), Some(Granularity::Block));
        assert_eq!(LossScale::by_id("output"), Some(LossScale::Output));
        assert!(Granularity::by_id("row").is_none() && LossScale::by_id("").is_none());
    }
}
