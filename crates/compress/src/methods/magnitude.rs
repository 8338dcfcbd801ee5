//! Magnitude pruning: removes the weights of least absolute value and rounds the others to the grid. No calibration.
//!
//! It is fast and works on any matrix. From about 50 % sparsity on, every calibrated method is better.

use super::{Method, Problem, Solved, mask_by_scores};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;
use kerf_tensors::rounding::finish;

const ID: &str = "magnitude";

pub(crate) struct Magnitude;

impl Method for Magnitude {
    fn id(&self) -> &'static str {
        ID
    }

    fn only_removes(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        solve(compute, p)
    }
}

/// Magnitude pruning. It is also the fallback of methods whose Hessian has no factor.
pub(super) fn solve(compute: &Compute, p: &Problem<'_>) -> Solved {
    let scores = |row: usize, out: &mut [f32]| {
        let weights = &p.w[row * p.cols..(row + 1) * p.cols];
        compute.kernels.magnitude_scores(weights, out);
    };
    let mask = mask_by_scores(compute, p, &scores);
    let shape = (p.rows, p.cols);
    Solved::plain(ID, finish(compute, p.w, shape, p.grid, p.dtype, mask))
}
