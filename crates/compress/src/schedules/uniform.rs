//! The same sparsity everywhere.

use super::{Asked, Needs, Part, Schedule};

pub(super) struct Uniform;

impl Schedule for Uniform {
    fn id(&self) -> &'static str {
        "uniform"
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn allocate(&self, parts: &[Part], asked: &Asked) -> Vec<f64> {
        vec![asked.sparsity; parts.len()]
    }
}
