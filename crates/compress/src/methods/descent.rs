//! Optimal brain surgeon, then coordinate descent on the codes (solve/descent.rs). It is worth its time wherever codes have few
//! bits, with or without pruning.

use super::{Method, Problem, Solved};
use crate::solve::effort::SWEEPS;
use crate::solve::extent::Extent;
use crate::solve::param::Param;
use crate::solve::pipeline::{Steps, solve};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;

const STEPS: Steps = Steps {
    search: false,
    descend: true,
};

pub(super) struct DescentMethod;

impl Method for DescentMethod {
    fn id(&self) -> &'static str {
        "descent"
    }

    fn params(&self) -> &'static [Param] {
        &[SWEEPS]
    }

    fn needs(&self) -> Needs {
        Needs::Gram
    }

    fn default_blend(&self) -> f64 {
        0.5
    }

    fn memory_bytes(&self, of: &Extent) -> u64 {
        STEPS.memory_bytes(of)
    }

    fn products(&self, of: &Extent) -> f64 {
        STEPS.products(of)
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        solve(compute, p, self.id(), STEPS, super::magnitude::solve)
    }
}
