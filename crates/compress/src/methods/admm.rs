//! ADMM searches the support, the survivors are refitted, and optimal brain surgeon chooses the codes on the fixed support
//! (solve/admm.rs, solve/refit.rs).
//!
//! The method is ALPS (2406.07831) with a grid that is fitted to the survivors. It is better than `obs` from about 50 % sparsity
//! on.

use super::{Method, Problem, Solved};
use crate::solve::effort::ITERATIONS;
use crate::solve::extent::Extent;
use crate::solve::param::Param;
use crate::solve::pipeline::{Steps, solve};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;

const STEPS: Steps = Steps {
    search: true,
    descend: false,
};

pub(super) struct Admm;

impl Method for Admm {
    fn id(&self) -> &'static str {
        "admm"
    }

    fn only_removes(&self) -> bool {
        true
    }

    fn params(&self) -> &'static [Param] {
        &[ITERATIONS]
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
