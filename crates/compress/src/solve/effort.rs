//! How hard the iterative solvers try.

/// Limits of the iterations of a solver; each stops earlier where nothing changes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Iterations of the search for a support (`admm.rs`); 0 takes that of optimal brain surgeon.
    pub iterations: usize,
    /// Sweeps of coordinate descent over the codes.
    pub sweeps: usize,
}
