//! Magnitude pruning: the weights of least absolute value go, the rest are rounded to the grid. No calibration.
//!
//! Fast and usable on any matrix; loses to every calibrated method from about 50 % sparsity on.

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

/// Magnitude pruning, also in place of a method whose statistics are hopeless.
pub(super) fn solve(compute: &Compute, p: &Problem<'_>) -> Solved {
    let scores = |row: usize, out: &mut [f32]| {
        let weights = &p.w[row * p.cols..(row + 1) * p.cols];
        compute.kernels.magnitude_scores(weights, out);
    };
    let mask = mask_by_scores(compute, p, &scores);
    let shape = (p.rows, p.cols);
    Solved::plain(ID, finish(compute, p.w, shape, p.grid, p.dtype, mask))
}
