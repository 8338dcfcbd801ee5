//! Layer solvers: one file and one row each. What a solver needs decides whether calibration runs.

mod admm;
mod descent;
mod entropy;
mod joint;
pub(crate) mod magnitude;
mod obs;
mod rtn;
mod wanda;

use crate::pattern::Pattern;
use crate::report::Repair;
use crate::solve::choose::choose;
use crate::solve::effort::Effort;
use crate::solve::extent::Extent;
use crate::solve::factor::{Factor, NoFactor, factor};
use crate::solve::selection::RowScores;
use crate::solve::target::Shift;
use crate::statistics::{Drift, Gram, Moments, Needs};
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, Mask, QuantizedMatrix};
use std::sync::OnceLock;

/// The inputs of a group of matrices: statistics, and the factor made from them once for all.
#[derive(Debug)]
pub struct Inputs {
    /// Second moments, finished.
    pub gram: Gram,
    /// Made by the first solver that asks.
    pub factor: OnceLock<Result<Factor, NoFactor>>,
    /// Against the inputs of the dense model, until [`Inputs::prepare_targets`] makes a shift of it.
    drift: Option<Drift>,
    shift: Option<Shift>,
}

impl Inputs {
    /// No factor yet.
    pub fn new(gram: Gram) -> Self {
        Self {
            gram,
            factor: OnceLock::new(),
            drift: None,
            shift: None,
        }
    }

    /// The same, with what it takes to aim at the dense model's outputs.
    pub fn of(moments: Moments) -> Self {
        Self {
            drift: moments.drift,
            ..Self::new(moments.gram)
        }
    }

    /// The factor for that damping; that of the first call stays.
    pub fn factor(&self, compute: &Compute, damping_rel: f64) -> Result<&Factor, &NoFactor> {
        let made = || {
            let factor = || factor(compute, &self.gram, damping_rel);
            compute.meter.step("factor", factor)
        };
        self.factor.get_or_init(made).as_ref()
    }

    /// Makes of the drift, once, what [`Inputs::target`] needs. `rows`: of all matrices that will have a target.
    pub fn prepare_targets(&mut self, compute: &Compute, damping_rel: f64, rows: usize) {
        let Some(drift) = self.drift.take() else {
            return;
        };
        if let Ok(factor) = self.factor(compute, damping_rel) {
            self.shift = Some(Shift::new(compute, drift, factor, rows));
        }
    }

    /// What a solver shall see in place of the weights `w`, see [`crate::solve::target`]. The error says why it must be `w` itself.
    pub fn target(&self, compute: &Compute, w: &[f32], blend: f64) -> Result<Vec<f32>, String> {
        let factor = match self.factor.get() {
            Some(Err(none)) => return Err(none.reason.clone()),
            Some(Ok(factor)) => Some(factor),
            None => None,
        };
        let target = self
            .shift
            .as_ref()
            .zip(factor)
            .and_then(|(shift, factor)| shift.target(compute, factor, w, blend));
        target.ok_or_else(|| "what the dense model computes is not finite".into())
    }
}

/// One matrix to solve.
pub struct Problem<'a> {
    /// Name of the tensor, for repairs.
    pub name: &'a str,
    /// Weights [rows, cols], row-major.
    pub w: &'a [f32],
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// Share of weights to remove.
    pub sparsity: f64,
    /// Shape of sparsity.
    pub pattern: Pattern,
    /// Grid of the survivors; `None` keeps them as floats of `dtype`.
    pub grid: Option<Grid>,
    /// Element type of the source.
    pub dtype: DType,
    /// Damping of the Hessian, relative to its mean diagonal.
    pub damping_rel: f64,
    /// Step of the grid over the root mean square of a row, for a method that chooses sparsity and bits itself.
    pub step: Option<f64>,
    /// How hard to try.
    pub effort: Effort,
    /// What calibration learned; present if the method needs it.
    pub inputs: Option<&'a Inputs>,
}

/// A solved matrix and what it took.
#[derive(Debug)]
pub struct Solved {
    /// The result.
    pub matrix: QuantizedMatrix,
    /// What the solver learned of its error on the way.
    pub damped: Option<DampedEnergy>,
    /// Id of the method that made the result.
    pub method: &'static str,
    /// Repairs, in order.
    pub repairs: Vec<Repair>,
}

/// tr(D (H + damping) D^T) of the error D, which a solver sums up as it goes.
#[derive(Clone, Copy, Debug)]
pub struct DampedEnergy {
    /// Over all columns with inputs.
    pub energy: f64,
    /// What was added to the diagonal.
    pub damping: f64,
    /// Squares of the weights in columns without inputs: the solver left them out.
    pub dead: f64,
}

impl DampedEnergy {
    /// tr(D H D^T), from the sum of the squares of D.
    pub fn without_damping(&self, squares: f64) -> f64 {
        (self.energy - self.damping * (squares - self.dead)).max(0.0)
    }
}

impl Solved {
    fn plain(method: &'static str, matrix: QuantizedMatrix) -> Self {
        Self {
            matrix,
            damped: None,
            method,
            repairs: Vec::new(),
        }
    }
}

/// A layer solver.
pub trait Method: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// What it needs to know of the inputs.
    fn needs(&self) -> Needs;
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
