//! How hard the iterative solvers try: the parameters that several methods share. A solver stops earlier where nothing changes any more.

use super::param::Param;

/// Iterations of the search for a support (`admm.rs`), or of the refit on one that is given; 0 leaves both to optimal brain surgeon.
pub const ITERATIONS: Param = Param::integer(
    "iterations",
    "Iterations of the search for what survives, or of the refit of what `keepMask` keeps; 0 does what `obs` would do",
    [0, 10_000],
    8,
)
.by_quality([0.0, 8.0, 60.0]);

/// Sweeps of coordinate descent over the codes.
pub const SWEEPS: Param = Param::integer(
    "sweeps",
    "Sweeps of coordinate descent over the codes",
    [0, 10_000],
    2,
)
.by_quality([1.0, 2.0, 8.0]);
