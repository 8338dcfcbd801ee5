//! What every solver gets and gives: a matrix with what calibration learned of its inputs, and the result.

use super::factor::{Factor, NoFactor, factor};
use super::param::Params;
use super::pattern::Pattern;
use super::repair::Repair;
use super::statistics::{Drift, Gram, Moments};
use super::target::Shift;
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, QuantizedMatrix};
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
    /// What the parameters of the method are.
    pub params: Params<'a>,
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
    /// A result without repairs, of whose error nothing is known.
    pub fn plain(method: &'static str, matrix: QuantizedMatrix) -> Self {
        Self {
            matrix,
            damped: None,
            method,
            repairs: Vec::new(),
        }
    }
}

/// Solves a matrix whose statistics are hopeless, without them.
pub type Fallback = fn(&Compute, &Problem<'_>) -> Solved;
