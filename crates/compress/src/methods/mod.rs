//! Layer solvers: one file and one row each. What a solver needs decides whether calibration runs.

mod admm;
mod descent;
mod entropy;
mod joint;
mod magnitude;
mod obs;
mod rtn;
mod wanda;

pub use crate::solve::problem::{DampedEnergy, Inputs, Problem, Solved};

use crate::solve::choose::choose;
use crate::solve::extent::Extent;
use crate::solve::param::Param;
use crate::solve::pattern::Pattern;
use crate::solve::selection::RowScores;
use crate::solve::statistics::Needs;
use kerf_kernels::Compute;
use kerf_tensors::Mask;

/// A layer solver.
pub trait Method: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// What it needs to know of the inputs.
    fn needs(&self) -> Needs;
    /// Parameters of its own, each an option; their values are in [`Problem::params`].
    fn params(&self) -> &'static [Param] {
        &[]
    }
    /// Whether it removes weights.
    fn prunes(&self) -> bool {
        true
    }
    /// Whether choosing what to remove is all that it is about: then a sparsity must be given.
    fn only_removes(&self) -> bool {
        false
    }
    /// Whether sparsity and bits are what comes out of a step, and not what goes in.
    fn chooses_rate(&self) -> bool {
        false
    }
    /// The shape of sparsity of its paper.
    fn default_pattern(&self) -> Pattern {
        Pattern::Unstructured
    }
    /// Share of the way to what the dense model computes from its own inputs that a layer aims at if nobody says: 0 for what is
    /// done as its paper has it, which aims at the layer's own outputs.
    fn default_blend(&self) -> f64 {
        0.0
    }
    /// Schedule if nobody says.
    fn default_schedule(&self) -> &'static str {
        "uniform"
    }
    /// Memory of [`Method::solve`] beside the problem and the factor of its inputs, the result included.
    fn memory_bytes(&self, of: &Extent) -> u64 {
        of.solved()
    }
    /// Flops of [`Method::solve`] over those of a product of the weights with a square of their inputs (2 rows cols^2), about: progress
    /// is told by it.
    fn products(&self, of: &Extent) -> f64 {
        let _ = of;
        0.0
    }
    /// Solves one matrix. Never fails: what cannot be done as asked is done otherwise and reported as a repair.
    fn solve(&self, compute: &Compute, problem: &Problem<'_>) -> Solved;
}

impl std::fmt::Debug for dyn Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// All methods. Each row runs through the battery of contract tests in tests/methods.rs.
pub fn table() -> &'static [&'static dyn Method] {
    &[
        &rtn::Rtn,
        &magnitude::Magnitude,
        &wanda::Wanda,
        &obs::Obs,
        &descent::DescentMethod,
        &admm::Admm,
        &joint::Joint,
        &entropy::Entropy,
    ]
}

/// The method of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Method> {
    table().iter().copied().find(|method| method.id() == id)
}

/// Ids of the table, in order.
pub fn ids() -> Vec<&'static str> {
    table().iter().map(|method| method.id()).collect()
}

/// A mask over the whole matrix by fixed scores (they do not change while weights go). `None` if nothing is removed.
fn mask_by_scores(
    compute: &Compute,
    problem: &Problem<'_>,
    scores: &RowScores<'_>,
) -> Option<Mask> {
    let shape = (problem.rows, problem.cols);
    let choose = || choose(compute, shape, problem.pattern, problem.sparsity, scores);
    (problem.sparsity > 0.0).then(choose)
}
