//! Wanda (Sun, Liu, Bair, Kolter: A Simple and Effective Pruning Approach for Large Language Models, 2306.11695). It removes the
//! weights with the least |w_ij| * norm(x_j) of each row and rounds the others to the grid, without an update.
//!
//! The paper needs only the norms of the inputs. Calibration collects the whole Gram matrix, so that the output error can be
//! reported.

use super::{Method, Problem, Solved, mask_by_scores};
use crate::solve::pattern::Pattern;
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;
use kerf_tensors::rounding::finish;

pub(super) struct Wanda;

impl Method for Wanda {
    fn id(&self) -> &'static str {
        "wanda"
    }

    fn only_removes(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs::Gram
    }

    fn default_pattern(&self) -> Pattern {
        Pattern::Row
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        let norms = p
            .inputs
            .expect("the plan collects what a method needs")
            .gram
            .norms();
        let scores = |row: usize, out: &mut [f32]| {
            compute
                .kernels
                .wanda_scores(&p.w[row * p.cols..(row + 1) * p.cols], &norms, out);
        };
        let mask = mask_by_scores(compute, p, &scores);
        Solved::plain(
            self.id(),
            finish(compute, p.w, (p.rows, p.cols), p.grid, p.dtype, mask),
        )
    }
}
