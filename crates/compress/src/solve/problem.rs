//! The input and output of every solver: a matrix with the statistics of its inputs, and the solved matrix.

use super::factor::{Factor, NoFactor, factor};
use super::param::Params;
use super::pattern::Pattern;
use super::repair::Repair;
use super::statistics::{Drift, Gram, Moments};
use super::target::Shift;
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, Mask, QuantizedMatrix};
use std::sync::OnceLock;

/// The inputs of a group of matrices: their statistics, and the factor that all matrices of the group share.
#[derive(Debug)]
pub struct Inputs {
    /// Second moments of the inputs. They must be finished.
    pub gram: Gram,
    /// The factor. The first solver that asks computes it.
    pub factor: OnceLock<Result<Factor, NoFactor>>,
    /// Difference to the inputs of the dense model. [`Inputs::prepare_targets`] turns it into a shift.
    drift: Option<Drift>,
    shift: Option<Shift>,
}

impl Inputs {
    /// Inputs without a factor and without a drift.
    pub fn new(gram: Gram) -> Self {
        Self {
            gram,
            factor: OnceLock::new(),
            drift: None,
            shift: None,
        }
    }

    /// Inputs with the drift that targets of the dense model's outputs need.
    pub fn of(moments: Moments) -> Self {
        Self {
            drift: moments.drift,
            ..Self::new(moments.gram)
        }
    }

    /// The factor for a damping. Later calls get the factor of the first call.
    pub fn factor(&self, compute: &Compute, damping_rel: f64) -> Result<&Factor, &NoFactor> {
        let made = || {
            let factor = || factor(compute, &self.gram, damping_rel);
            compute.meter.section("factor", factor)
        };
        self.factor.get_or_init(made).as_ref()
    }

    /// Turns the drift into the form that [`Inputs::target`] needs. `rows` is the number of rows of all matrices with a target.
    pub fn prepare_targets(&mut self, compute: &Compute, damping_rel: f64, rows: usize) {
        let Some(drift) = self.drift.take() else {
            return;
        };
        if let Ok(factor) = self.factor(compute, damping_rel) {
            self.shift = Some(Shift::new(compute, drift, factor, rows));
        }
    }

    /// The weights that a solver should approximate in place of `w`, see [`crate::solve::target`]. The error is the reason why it
    /// must approximate `w` itself.
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
    /// Share of the weights to remove.
    pub sparsity: f64,
    /// Pattern of the removed weights.
    pub pattern: Pattern,
    /// The weights that survive, in the place of sparsity (which is 0 then) and pattern. A method that chooses its rate ignores it.
    pub support: Option<&'a Mask>,
    /// Grid of the survivors; `None` keeps them as floats of `dtype`.
    pub grid: Option<Grid>,
    /// Element type of the source tensor.
    pub dtype: DType,
    /// Damping of the Hessian, relative to its mean diagonal.
    pub damping_rel: f64,
    /// Quantization step, relative to the root mean square of a row. For a method that chooses sparsity and bits itself.
    pub step: Option<f64>,
    /// What the parameters of the method are.
    pub params: Params<'a>,
    /// What calibration learned; present if the method needs it.
    pub inputs: Option<&'a Inputs>,
}

/// A solved matrix, with its repairs and error.
#[derive(Debug)]
pub struct Solved {
    /// The result.
    pub matrix: QuantizedMatrix,
    /// Error that the solver summed up. `None` if it is not known.
    pub damped: Option<DampedEnergy>,
    /// Id of the method that made the result.
    pub method: &'static str,
    /// Repairs, in the order in which they were made.
    pub repairs: Vec<Repair>,
}

/// tr(D (H + damping) D^T) of the error D, which a solver sums up as it proceeds.
#[derive(Clone, Copy, Debug)]
pub struct DampedEnergy {
    /// The sum over all columns whose input is not dead.
    pub energy: f64,
    /// Damping on the diagonal of H.
    pub damping: f64,
    /// Sum of the squares of the weights in columns with dead inputs. The energy does not include them.
    pub dead: f64,
}

impl DampedEnergy {
    /// tr(D H D^T). `squares` is the sum of the squares of D.
    pub fn without_damping(&self, squares: f64) -> f64 {
        (self.energy - self.damping * (squares - self.dead)).max(0.0)
    }
}

impl Solved {
    /// A result without repairs and without a known error.
    pub fn plain(method: &'static str, matrix: QuantizedMatrix) -> Self {
        Self {
            matrix,
            damped: None,
            method,
            repairs: Vec::new(),
        }
    }
}

/// Solves a matrix without statistics, in place of a method that cannot use them.
pub type Fallback = fn(&Compute, &Problem<'_>) -> Solved;
