//! Layer solvers: a method is one file here and one row in [`table`].

mod admm;
mod descent;
mod entropy;
mod joint;
mod magnitude;
mod obs;
mod rtn;
mod wanda;

pub(crate) use entropy::rounded_by_rows;

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
    /// Stable id: the value of the option `method`.
    fn id(&self) -> &'static str;
    /// The statistics of the inputs that the method needs.
    fn needs(&self) -> Needs;
    /// Parameters of its own, each an option; their values are in [`Problem::params`].
    fn params(&self) -> &'static [Param] {
        &[]
    }
    /// Whether it removes weights.
    fn prunes(&self) -> bool {
        true
    }
    /// Whether the method only chooses what to remove. The user must then give a sparsity.
    fn only_removes(&self) -> bool {
        false
    }
    /// Whether the method gets a quantization step, from which sparsity and bits follow, and not sparsity and bits.
    fn chooses_rate(&self) -> bool {
        false
    }
    /// The default pattern of sparsity: that of the method's paper.
    fn default_pattern(&self) -> Pattern {
        Pattern::Unstructured
    }
    /// Default of the option `blend`: how far a layer's target lies between its own outputs (0) and those of the dense model (1).
    /// Methods that follow their paper aim at the layer's own outputs.
    fn default_blend(&self) -> f64 {
        0.0
    }
    /// Id of the default schedule.
    fn default_schedule(&self) -> &'static str {
        "uniform"
    }
    /// Memory of [`Method::solve`] in bytes, with its result but without the problem and the factor of the inputs.
    fn memory_bytes(&self, of: &Extent) -> u64 {
        of.solved()
    }
    /// Approximate flops of [`Method::solve`], in units of a product of the weights with a square matrix of their inputs (2 rows
    /// cols^2). Progress is computed from it.
    fn products(&self, of: &Extent) -> f64 {
        let _ = of;
        0.0
    }
    /// Solves one matrix. It never fails: if the method cannot do what was asked, it does something else and reports a repair.
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

/// The method with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Method> {
    table().iter().copied().find(|method| method.id() == id)
}

/// Ids of the table, in order.
pub fn ids() -> Vec<&'static str> {
    table().iter().map(|method| method.id()).collect()
}

/// A mask of the whole matrix by fixed scores, or that of the problem. `None` if nothing is removed.
fn mask_by_scores(
    compute: &Compute,
    problem: &Problem<'_>,
    scores: &RowScores<'_>,
) -> Option<Mask> {
    let shape = (problem.rows, problem.cols);
    let choose = || choose(compute, shape, problem.pattern, problem.sparsity, scores);
    let given = problem.support.cloned();
    given.or_else(|| (problem.sparsity > 0.0).then(choose))
}
