//! Support, values and codes together: ADMM searches the support, the survivors are refitted, a grid is fitted to them, and
//! coordinate descent improves the nearest codes. The best solver for a given sparsity and number of bits.

use super::{Method, Problem, Solved};
use crate::solve::effort::{ITERATIONS, SWEEPS};
use crate::solve::extent::Extent;
use crate::solve::param::Param;
use crate::solve::pipeline::{Steps, solve};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;

const STEPS: Steps = Steps {
    search: true,
    descend: true,
};

pub(super) struct Joint;

impl Method for Joint {
    fn id(&self) -> &'static str {
        "joint"
    }

    fn params(&self) -> &'static [Param] {
        &[ITERATIONS, SWEEPS]
    }

    fn needs(&self) -> Needs {
        Needs::Gram
    }

    fn default_schedule(&self) -> &'static str {
        "probe"
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
