//! One matrix on its way: what it is, and what it becomes.

use crate::methods::Method;
use crate::options::resolve::Solving;
use crate::solve::extent::Extent;
use crate::solve::param::Params;
use crate::solve::pattern::Pattern;
use crate::solve::statistics::Drift;
use kerf_tensors::{DType, Grid};

/// A shared input of the network: what one or several matrices of a block read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputId {
    /// The block.
    pub block: usize,
    /// The input among those of the block, in order.
    pub input: usize,
}

/// One matrix that will be compressed.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Name of the tensor.
    pub name: String,
    /// Index in the catalog.
    pub tensor: usize,
    /// Role in the network: as [`kerf_model::Linear`] has it, `embedding`, `head`, or `matrix` where the architecture is not known.
    pub role: &'static str,
    /// Block it belongs to; 0 for embeddings and unknown architectures.
    pub block: usize,
    /// Shared input of the block that it reads.
    pub input: usize,
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// Whether the tensor is [inputs, outputs] instead of [outputs, inputs].
    pub transposed: bool,
    /// The method that solves it.
    pub method: &'static dyn Method,
    /// Shape of sparsity.
    pub pattern: Pattern,
    /// Share of weights to remove.
    pub sparsity: f64,
    /// Whether the zeros of the source stay, and nothing else is removed.
    pub keep_mask: bool,
    /// Grid of the survivors, with the scales of the format.
    pub grid: Option<Grid>,
    /// How much of what the dense model computes it aims at.
    pub blend: f64,
    /// Float type of the survivors without a grid.
    pub float: DType,
    /// Whether it is an embedding or head.
    pub embedding: bool,
    /// Index of the rule that decided.
    pub rule: Option<usize>,
    /// Step of a method that chooses its rate, see [`crate::methods::Problem::step`].
    pub step: Option<f64>,
    /// Whether the schedule says its sparsity.
    pub scheduled: bool,
    /// Whether a budget says the bits of its grid.
    pub free_bits: bool,
}

/// Role of a matrix of a network that is not known.
pub(crate) const UNKNOWN: &str = "matrix";

impl Matrix {
    /// The shared input that it reads, where it is part of a block.
    pub fn input_id(&self) -> InputId {
        InputId {
            block: self.block,
            input: self.input,
        }
    }

    /// Block and role of a matrix that is part of a block.
    pub fn block_and_role(&self) -> Option<(usize, &'static str)> {
        (!self.embedding && self.role != UNKNOWN).then_some((self.block, self.role))
    }

    /// Whether a survey decides anything about it.
    pub fn is_open(&self) -> bool {
        self.scheduled || self.free_bits || self.step.is_some()
    }

    /// Whether a budget decides about it.
    pub(crate) fn is_budgeted(&self) -> bool {
        self.free_bits || self.step.is_some()
    }

    /// What a solver sees of it.
    pub(crate) fn extent<'a>(&self, params: Params<'a>) -> Extent<'a> {
        Extent {
            rows: self.rows,
            cols: self.cols,
            grid: self.grid,
            prunes: self.sparsity > 0.0,
            keep_mask: self.keep_mask,
            params,
        }
    }

    /// Other bits on the same kind of grid. A matrix without a grid stays as it is.
    pub fn set_bits(&mut self, bits: Option<u8>) {
        if let (Some(grid), Some(bits)) = (&mut self.grid, bits) {
            grid.bits = bits;
        }
    }

    /// Lets a rule say how it is solved.
    pub(crate) fn solve_by(&mut self, solving: &Solving) {
        self.method = solving.method;
        self.pattern = solving.pattern;
        self.sparsity = solving.sparsity;
        self.keep_mask = solving.keep_mask;
        self.grid = solving.grid;
        self.blend = solving.blend;
        self.step = solving.step();
    }
}

/// The matrix whose weights the drift of a shared input goes through: the only one that aims, if it has few rows.
pub(crate) fn drifting_alone<'a>(
    mut aiming: impl Iterator<Item = &'a Matrix>,
) -> Option<&'a Matrix> {
    let (only, None) = (aiming.next()?, aiming.next()) else {
        return None;
    };
    Drift::prefers_weights(only.cols, only.rows).then_some(only)
}
