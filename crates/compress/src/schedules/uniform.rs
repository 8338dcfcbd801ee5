//! The same sparsity everywhere.

use super::{Asked, Knowledge, Schedule, ScheduleItem};

pub(super) struct Uniform;

impl Schedule for Uniform {
    fn id(&self) -> &'static str {
        "uniform"
    }

    fn needs(&self) -> Knowledge {
        Knowledge::Nothing
    }

    fn allocate(&self, parts: &[ScheduleItem], asked: &Asked) -> Vec<f64> {
        vec![asked.sparsity; parts.len()]
    }
}
