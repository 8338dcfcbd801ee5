//! Round to nearest: rounds every weight to the nearest value on the grid of its group. No calibration, nothing is removed.

use super::{Method, Problem, Solved};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;
use kerf_tensors::rounding::finish;

pub(super) struct Rtn;

impl Method for Rtn {
    fn id(&self) -> &'static str {
        "rtn"
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn prunes(&self) -> bool {
        false
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        Solved::plain(
            self.id(),
            finish(
                compute,
                p.w,
                (p.rows, p.cols),
                p.grid,
                p.dtype,
                p.support.cloned(),
            ),
        )
    }
}
