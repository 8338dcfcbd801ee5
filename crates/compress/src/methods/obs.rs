//! Optimal brain surgeon, column by column (Frantar, Alistarh: SparseGPT, 2301.00774; with the grid inside the loop: GPTQ,
//! 2210.17323). When a weight is removed or rounded, the later weights of its row compensate for a part of its effect.
//! With U the upper factor of the inverse Hessian, (H + d)^-1 = U^T U, column j has the error e = (w - q) / u_jj, and every later
//! column k gets w_k -= e u_jk. One factor serves all rows: at column j only the columns right of j may still change, and the
//! inverse of that part of H has the (j, j) entry u_jj^2, whatever was removed before. The weights to remove are chosen for each
//! block of 128 columns, by (w / u_jj)^2 on the weights as updated so far. The sum of e^2 is exactly tr(D (H + d) D^T).
//!
//! Cost: out in^2 flops. A share of 128 / in runs in the row panels, and the rest is a matrix product.

use super::{Method, Problem, Solved};
use crate::solve::extent::Extent;
use crate::solve::pipeline::{Steps, solve};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;

const STEPS: Steps = Steps {
    search: false,
    descend: false,
};

pub(super) struct Obs;

impl Method for Obs {
    fn id(&self) -> &'static str {
        "obs"
    }

    fn needs(&self) -> Needs {
        Needs::Gram
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
