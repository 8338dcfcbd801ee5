//! Magnitude pruning: the weights of least absolute value go, the rest are rounded to the grid. No calibration.
//!
//! Fast and usable on any matrix; loses to every calibrated method from about 50 % sparsity on.

use super::{Method, Problem, Solved, mask_by_scores};
use crate::statistics::Needs;
use kerf_kernels::Compute;
use kerf_tensors::rounding::finish;

pub(crate) struct Magnitude;

impl Method for Magnitude {
    fn id(&self) -> &'static str {
        "magnitude"
    }

    fn only_removes(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        let scores = |row: usize, out: &mut [f32]| {
            compute
                .kernels
                .magnitude_scores(&p.w[row * p.cols..(row + 1) * p.cols], out);
        };
        let mask = mask_by_scores(compute, p, &scores);
        Solved::plain(
            self.id(),
            finish(compute, p.w, (p.rows, p.cols), p.grid, p.dtype, mask),
        )
    }
}
