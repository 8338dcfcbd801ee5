//! Entropy-constrained rounding: each code, zero included, is chosen by its error and its length together
//! (solve/rounding_at_rate.rs).
//!
//! The quantization step goes in, and sparsity and bits come out. To meet a budget, the quantization step is changed. At equal
//! bytes the method beats every fixed number of bits, with or without zeros. A choice like "70 % and 4 bits" is only one of the
//! points that it can reach.

use super::{Method, Problem, Solved};
use crate::solve::effort::SWEEPS;
use crate::solve::extent::Extent;
use crate::solve::param::Param;
use crate::solve::rounding_at_rate::{memory_bytes, products, solve, solve_by_rows};
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;

pub(super) struct Entropy;

/// Rounds as [`Entropy`] does, with steps of rows alone. A probe for methods of other grids rounds so, since their steps are of rows too.
pub(crate) fn rounded_by_rows(compute: &Compute, p: &Problem<'_>) -> Solved {
    solve_by_rows(compute, p, Entropy.id(), super::magnitude::solve)
}

impl Method for Entropy {
    fn id(&self) -> &'static str {
        "entropy"
    }

    fn params(&self) -> &'static [Param] {
        &[SWEEPS]
    }

    fn needs(&self) -> Needs {
        Needs::Gram
    }

    fn prunes(&self) -> bool {
        false
    }

    fn chooses_rate(&self) -> bool {
        true
    }

    fn default_schedule(&self) -> &'static str {
        "probe"
    }

    fn default_blend(&self) -> f64 {
        0.5
    }

    fn memory_bytes(&self, of: &Extent) -> u64 {
        memory_bytes(of)
    }

    fn products(&self, of: &Extent) -> f64 {
        products(of)
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        solve(compute, p, self.id(), super::magnitude::solve)
    }
}
