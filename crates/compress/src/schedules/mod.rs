//! How the global sparsity is spread over the matrices: one file and one row each.

mod uniform;

/// What a schedule knows of one target matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledMatrix {
    /// Name of the tensor.
    pub name: String,
    /// Block it belongs to; 0 if the architecture is not known.
    pub block: usize,
    /// Number of weights.
    pub weights: usize,
}

/// Spreads a global sparsity over matrices.
pub trait Schedule: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// One sparsity per matrix, in order, each 0 to 0.99; weighted by size they average to `sparsity` within 0.1 %.
    fn allocate(&self, matrices: &[ScheduledMatrix], sparsity: f64) -> Vec<f64>;
}

/// All schedules. Each row runs through the battery below.
pub fn table() -> &'static [&'static dyn Schedule] {
    &[&uniform::Uniform]
}

/// The schedule of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Schedule> {
    table().iter().copied().find(|schedule| schedule.id() == id)
}

/// Ids of the table, in order.
pub fn ids() -> Vec<&'static str> {
    table().iter().map(|schedule| schedule.id()).collect()
}

#[cfg(test)]
mod battery {
    use super::*;

    fn matrices() -> Vec<ScheduledMatrix> {
        let sizes = [4096, 4096, 1024, 16384, 99, 7];
        let matrix = |(i, &weights): (usize, &usize)| ScheduledMatrix {
            name: format!("m{i}"),
            block: i / 2,
            weights,
        };
        sizes.iter().enumerate().map(matrix).collect()
    }

    #[test]
    fn every_schedule_meets_the_global_budget() {
        let matrices = matrices();
        let total: usize = matrices.iter().map(|m| m.weights).sum();
        for schedule in table() {
            for target in [0.0, 0.5, 0.7, 0.9, 0.99] {
                let shares = schedule.allocate(&matrices, target);
                assert_eq!(shares.len(), matrices.len(), "{}", schedule.id());
                assert!(
                    shares.iter().all(|s| (0.0..=0.99).contains(s)),
                    "{}",
                    schedule.id()
                );
                let removed: f64 = shares
                    .iter()
                    .zip(&matrices)
                    .map(|(s, m)| s * m.weights as f64)
                    .sum();
                assert!(
                    (removed / total as f64 - target).abs() <= 1e-3,
                    "{} at {target}",
                    schedule.id()
                );
            }
            assert!(schedule.allocate(&[], 0.7).is_empty());
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut ids = ids();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), table().len());
    }
}
