//! The same sparsity everywhere.

use super::{Schedule, ScheduledMatrix};

pub(super) struct Uniform;

impl Schedule for Uniform {
    fn id(&self) -> &'static str {
        "uniform"
    }

    fn allocate(&self, matrices: &[ScheduledMatrix], sparsity: f64) -> Vec<f64> {
        vec![sparsity; matrices.len()]
    }
}
