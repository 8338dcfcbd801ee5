//! The size of a problem, from which the memory of its solver follows.

use super::param::Params;
use kerf_tensors::Grid;

/// The facts from which a solver's memory follows. The methods return bytes.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Outputs.
    pub rows: usize,
    /// Columns: inputs of the layer.
    pub cols: usize,
    /// Grid of the survivors. `None` for floats.
    pub grid: Option<Grid>,
    /// Whether weights are removed.
    pub prunes: bool,
    /// Whether the problem comes with a support, if the source has any zeros.
    pub keep_mask: bool,
    /// What the parameters of the method are.
    pub params: Params<'a>,
}

impl Extent<'_> {
    /// A matrix of f32 of this shape.
    pub fn matrix(&self) -> u64 {
        4 * self.weights()
    }

    /// A matrix of f32 [cols, cols]: the second moments of the inputs, their factor, or an inverse.
    pub fn square(&self) -> u64 {
        4 * (self.cols as u64).pow(2)
    }

    /// A mask: one bit for each weight.
    pub fn mask(&self) -> u64 {
        self.rows as u64 * (self.cols as u64).div_ceil(8)
    }

    /// Codes and their scales. 0 without a grid.
    pub fn codes(&self) -> u64 {
        let scales = |grid: Grid| 4 * (self.rows * grid.groups(self.cols)) as u64;
        self.grid.map_or(0, |grid| self.weights() + scales(grid))
    }

    /// `columns` columns of f32.
    pub fn columns(&self, columns: usize) -> u64 {
        4 * (self.rows * columns.min(self.cols)) as u64
    }

    /// `rows` rows of f32.
    pub fn rows_of(&self, rows: usize) -> u64 {
        4 * (self.cols * rows) as u64
    }

    /// A solved matrix: codes or floats, and the mask if weights are removed.
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
