//! How large a problem is, for the memory that solvers say they need.

use super::param::Params;
use kerf_tensors::Grid;

/// What decides the memory of a solver. Sizes are bytes.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// Grid of the survivors, if there is one.
    pub grid: Option<Grid>,
    /// Whether weights are removed.
    pub prunes: bool,
    /// What the parameters of the method are.
    pub params: Params<'a>,
}

impl Extent<'_> {
    /// A matrix of f32 of this shape.
    pub fn matrix(&self) -> u64 {
        4 * self.weights()
    }

    /// The second moments of the inputs, their factor, or an inverse.
    pub fn square(&self) -> u64 {
        4 * (self.cols as u64).pow(2)
    }

    /// One bit a weight.
    pub fn mask(&self) -> u64 {
        self.rows as u64 * (self.cols as u64).div_ceil(8)
    }

    /// Codes and their scales; none without a grid.
    pub fn codes(&self) -> u64 {
        let scales = |grid: Grid| 4 * (self.rows * grid.groups(self.cols)) as u64;
        self.grid.map_or(0, |grid| self.weights() + scales(grid))
    }

    /// So many columns of f32.
    pub fn columns(&self, columns: usize) -> u64 {
        4 * (self.rows * columns.min(self.cols)) as u64
    }

    /// So many rows of f32.
    pub fn rows_of(&self, rows: usize) -> u64 {
        4 * (self.cols * rows) as u64
    }

    /// A solved matrix: codes or floats, and which of them survive.
    pub fn solved(&self) -> u64 {
        let values = match self.grid {
            Some(_) => self.codes(),
            None => self.matrix(),
        };
        values + self.mask()
    }

    fn weights(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }
}
