//! The effort of the iterative solvers.

/// Limits on the iterations of a solver. A solver stops earlier if nothing changes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Iterations of the search for a support (`admm.rs`). With 0, optimal brain surgeon chooses the support.
    pub iterations: usize,
    /// Sweeps of coordinate descent over the codes.
    pub sweeps: usize,
}
