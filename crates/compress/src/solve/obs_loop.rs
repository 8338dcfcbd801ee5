//! The column loop of optimal brain surgeon over a whole matrix: masks and scales for each block, row panels, trailing update.

use super::PANEL_ROWS;
use super::extent::Extent;
use super::guess::Guess;
use super::obs_blocks::{BLOCK, block_width, blocks};
use super::obs_panel::{Panel, PanelContext};
use super::panels::Pieces;
use super::problem::Problem;
use super::selection::{MaskRegion, keep_highest, keep_highest_per_row};
use crate::solve::factor::Factor;
use crate::solve::pattern::{Pattern, removed_between};
use kerf_kernels::dispatch::Price;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::rounding::keep_floats;
use kerf_tensors::{Grid, Mask, QuantizedMatrix, Values};
use std::ops::Range;

/// The input of the loop. The loop chooses a missing mask or scale block by block, from the weights as updated so far.
pub struct Start<'a> {
    /// Weights [rows, cols]. Dead columns must be zero.
    pub w: Vec<f32>,
    /// Mask of the survivors. `None`: the loop chooses it.
    pub mask: Option<Mask>,
    /// Scales [rows, groups]. `None`: the loop fits them.
    pub scales: Option<Vec<f32>>,
    /// Price of the bits of a code, which is added to its error. `None` minimizes the error alone.
    pub price: Option<Price<'a>>,
}

impl Start<'_> {
    /// An input from which the loop chooses mask and scales itself.
    pub fn of(w: Vec<f32>) -> Self {
        Self {
            w,
            mask: None,
            scales: None,
            price: None,
        }
    }
}

/// The result of the loop.
pub struct Rounded {
    /// Final values [rows, cols]: zero where pruned, and on the grid if there is one.
    pub w: Vec<f32>,
    /// Mask of the survivors. `None` if nothing is removed.
    pub mask: Option<Mask>,
    /// Integer codes [rows, cols]; empty without a grid.
    pub codes: Vec<i8>,
    /// Scales [rows, groups]; empty without a grid.
    pub scales: Vec<f32>,
    /// For each row the sum of e^2, which is d (H + damping) d^T of its error d. Empty if it is not known.
    pub energy: Vec<f64>,
}

impl Rounded {
    /// tr(D (H + damping) D^T) of the error D. `None` if it is not known.
    pub fn total_energy(&self) -> Option<f64> {
        (!self.energy.is_empty()).then(|| self.energy.iter().sum())
    }

    /// The solved matrix: codes if there is a grid, else floats in the problem's type.
    pub fn into_matrix(self, compute: &Compute, p: &Problem<'_>) -> QuantizedMatrix {
        let (rows, cols) = (p.rows, p.cols);
        let Some(grid) = p.grid else {
            return keep_floats(compute, self.w, rows, cols, p.dtype, self.mask);
        };
        QuantizedMatrix {
            rows,
            cols,
            mask: self.mask,
            values: Values::Codes {
                grid,
                codes: self.codes,
                scales: self.scales,
                columns: Vec::new(),
            },
        }
    }
}

/// The state of the loop.
struct Loop<'a> {
    compute: &'a Compute,
    problem: &'a Problem<'a>,
    factor: &'a Factor,
    rows: usize,
    cols: usize,
    w: Vec<f32>,
    mask: Option<Mask>,
    /// Whether the loop chooses the mask.
    choose: bool,
    /// Integer codes [rows, cols], if there is a grid.
    codes: Vec<i8>,
    /// Scales [rows, groups], if there is a grid.
    scales: Vec<f32>,
    /// Whether the loop fits the scales.
    fit: bool,
    price: Option<Price<'a>>,
    /// Errors of the current block [rows, width].
    errors: Vec<f32>,
    /// Sum of squared errors of each row.
    energy: Vec<f64>,
}

/// Solves a matrix by optimal brain surgeon. Cost: rows cols^2 flops.
pub fn run(compute: &Compute, start: Start<'_>, problem: &Problem<'_>, factor: &Factor) -> Rounded {
    let (rows, cols) = (problem.rows, problem.cols);
    let groups = problem.grid.map_or(0, |grid| grid.groups(cols));
    let choose = start.mask.is_none() && problem.sparsity > 0.0;
    let fit = start.scales.is_none();
    let weights = if problem.grid.is_some() {
        rows * cols
    } else {
        0
    };
    let mut state = Loop {
        compute,
        problem,
        factor,
        rows,
        cols,
        w: start.w,
        mask: start.mask.or(choose.then(|| Mask::empty(rows, cols))),
        choose,
        codes: vec![0; weights],
        scales: start.scales.unwrap_or_else(|| vec![0.0; rows * groups]),
        fit,
        price: start.price,
        errors: vec![0.0; rows * block_width(problem).min(cols)],
        energy: vec![0.0; rows],
    };
    for block in blocks(problem) {
        if compute.pool.stopped() {
            break; // The result of a stopped run is discarded.
        }
        state.block(block);
    }
    Rounded {
        w: state.w,
        mask: state.mask,
        codes: state.codes,
        scales: state.scales,
        energy: state.energy,
    }
}

impl Loop<'_> {
    fn block(&mut self, block: Range<usize>) {
        if self.choose && !matches!(self.problem.pattern, Pattern::Nm { .. }) {
            self.choose_mask(&block);
        }
        if let Some(grid) = self.problem.grid.filter(|_| self.fit) {
            self.fit_scales(&block, grid);
        }
        self.panels(&block);
        self.trailing_update(&block);
    }

    /// Chooses the mask of a block from the weights as updated so far.
    fn choose_mask(&mut self, block: &Range<usize>) {
        let (rows, cols, width) = (self.rows, self.cols, block.len());
        let Some(mask) = &mut self.mask else { return };
        let (w, kernels) = (&self.w, &self.compute.kernels);
        let inverse = &self.factor.inverse_diagonal[block.clone()];
        let start = block.start;
        let scores = |row: usize, out: &mut [f32]| {
            kernels.obs_scores(
                &w[row * cols + start..row * cols + start + width],
                inverse,
                out,
            );
        };
        let stride = mask.stride;
        let region = MaskRegion {
            bits: &mut mask.bits[start / 8..],
            stride,
            rows,
            cols: width,
        };
        let sparsity = self.problem.sparsity;
        match self.problem.pattern {
            Pattern::Row => {
                let remove = removed_between(sparsity, 1, block.start, block.end);
                keep_highest_per_row(self.compute, region, remove, &scores);
            }
            _ => keep_highest(
                self.compute,
                region,
                removed_between(sparsity, rows, block.start, block.end),
                &scores,
            ),
        }
    }

    /// Fits the scales of the groups that start in this block, from the weights as updated so far. The mask of a group may not be
    /// known yet (a group longer than a block, or an N:M pattern). Then the weights with the highest scores of the group are
    /// taken as its survivors.
    fn fit_scales(&mut self, block: &Range<usize>, grid: Grid) {
        let (cols, group_cols, groups) = (
            self.cols,
            grid.group_cols(self.cols),
            grid.groups(self.cols),
        );
        let first = block.start.div_ceil(group_cols);
        let last = block.end.div_ceil(group_cols).min(groups);
        if first >= last {
            return;
        }
        let (w, mask, factor, problem) = (&self.w, &self.mask, self.factor, self.problem);
        let choose = self.choose;
        let chosen_late = choose && matches!(problem.pattern, Pattern::Nm { .. });
        let kernels = &self.compute.kernels;
        self.compute
            .pool
            .chunks_mut(&mut self.scales, PANEL_ROWS * groups, |panel, scales| {
                let mut guess = Guess::default();
                for (i, scales) in scales.chunks_mut(groups).enumerate() {
                    let row = panel * PANEL_ROWS + i;
                    for (group, scale) in scales.iter_mut().enumerate().take(last).skip(first) {
                        let columns = group * group_cols..((group + 1) * group_cols).min(cols);
                        let part = &w[row * cols + columns.start..row * cols + columns.end];
                        let known = !choose || columns.end <= block.end && !chosen_late;
                        let bits = match mask {
                            None => None,
                            Some(mask) if known => Some(&mask.row(row)[columns.start / 8..]),
                            Some(_) => {
                                let inverse = &factor.inverse_diagonal[columns.clone()];
                                Some(guess.survivors(kernels, part, inverse, problem))
                            }
                        };
                        *scale = grid.fit_scale(kernels, part, bits, 0);
                    }
                }
            });
    }

    /// Runs the column loop of the block in every row panel.
    fn panels(&mut self, block: &Range<usize>) {
        let (cols, width) = (self.cols, block.len());
        let errors = &mut self.errors[..self.rows * width];
        // Panels write disjoint rows of every array.
        let mut masks = self
            .mask
            .as_mut()
            .map(|mask| (mask.stride, mask.bits.chunks_mut(PANEL_ROWS * mask.stride)));
        let mut codes = self.codes.chunks_mut(PANEL_ROWS * cols);
        let pieces = self
            .w
            .chunks_mut(PANEL_ROWS * cols)
            .zip(errors.chunks_mut(PANEL_ROWS * width));
        let pieces = pieces
            .zip(self.energy.chunks_mut(PANEL_ROWS))
            .map(|((w, errors), energy)| {
                let mask = masks
                    .as_mut()
                    .and_then(|(stride, chunks)| chunks.next().map(|bits| (*stride, bits)));
                Panel {
                    w,
                    errors,
                    energy,
                    mask,
                    codes: codes.next(),
                }
            });
        let pieces = Pieces::of(pieces);
        let context = PanelContext {
            compute: self.compute,
            problem: self.problem,
            factor: self.factor,
            scales: &self.scales,
            price: self.price,
            choose: self.choose,
            cols,
            block: block.clone(),
        };
        let pool = &self.compute.pool;
        pool.run(pieces.len(), |i| {
            context.solve(i * PANEL_ROWS, pieces.take(i));
        });
    }

    /// Trailing update: w[:, end..] -= errors * u[block, end..].
    fn trailing_update(&mut self, block: &Range<usize>) {
        let (rows, cols, width) = (self.rows, self.cols, block.len());
        let rest = cols - block.end;
        if rest == 0 {
            return;
        }
        self.compute.linalg.gemm_nn(
            MatMut {
                data: &mut self.w[block.end..],
                rows,
                cols: rest,
                stride: cols,
            },
            MatRef {
                data: &self.errors[..rows * width],
                rows,
                cols: width,
                stride: width,
            },
            MatRef {
                data: &self.factor.u[block.start * cols + block.end..],
                rows: width,
                cols: rest,
                stride: cols,
            },
            -1.0,
            1.0,
        );
    }
}

/// Memory of [`run`] in bytes, without the weights in its input.
pub fn memory_bytes(of: &Extent) -> u64 {
    of.codes() + of.mask() + of.columns(BLOCK)
}
