//! The column loop of optimal brain surgeon over a whole matrix: masks and scales per block, row panels, trailing update.

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

/// What the loop starts from. What is not given is chosen block by block, from the weights as they then are.
pub struct Start<'a> {
    /// Weights [rows, cols], dead columns already zero.
    pub w: Vec<f32>,
    /// Which weights survive.
    pub mask: Option<Mask>,
    /// Scales [rows, groups].
    pub scales: Option<Vec<f32>>,
    /// What codes cost besides their error.
    pub price: Option<Price<'a>>,
}

impl Start<'_> {
    /// Everything is chosen by the loop.
    pub fn of(w: Vec<f32>) -> Self {
        Self {
            w,
            mask: None,
            scales: None,
            price: None,
        }
    }
}

/// What the loop comes to.
pub struct Rounded {
    /// Final values [rows, cols]: pruned, and on the grid if there is one.
    pub w: Vec<f32>,
    /// Which weights survive; `None` if nothing is removed.
    pub mask: Option<Mask>,
    /// Integer codes [rows, cols]; empty without a grid.
    pub codes: Vec<i8>,
    /// Scales [rows, groups]; empty without a grid.
    pub scales: Vec<f32>,
    /// Of each row, the sum of e^2, which is d (H + damping) d^T of its error; empty if it was not summed up.
    pub energy: Vec<f64>,
}

impl Rounded {
    /// tr(D (H + damping) D^T), if it was summed up.
    pub fn total_energy(&self) -> Option<f64> {
        (!self.energy.is_empty()).then(|| self.energy.iter().sum())
    }

    /// The solved matrix: codes if there is a grid, else floats of the type of the problem.
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
            },
        }
    }
}

/// The state of one solve.
struct Loop<'a> {
    compute: &'a Compute,
    problem: &'a Problem<'a>,
    factor: &'a Factor,
    rows: usize,
    cols: usize,
    w: Vec<f32>,
    mask: Option<Mask>,
    /// Whether the mask is chosen here.
    choose: bool,
    /// Integer codes [rows, cols], if there is a grid.
    codes: Vec<i8>,
    /// Scales [rows, groups], if there is a grid.
    scales: Vec<f32>,
    /// Whether the scales are fitted here.
    fit: bool,
    price: Option<Price<'a>>,
    /// Errors of the current block [rows, width].
    errors: Vec<f32>,
    /// Sum of squared errors of each row.
    energy: Vec<f64>,
}

/// Solves a matrix. Cost: rows cols^2 flops.
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
            break; // Nobody will look at the result.
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

    /// Writes the mask of a block from the weights as they are now.
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

    /// Fits the scales of the groups that start in this block, on the weights as they are now. Where the mask of a group is
    /// not known yet (groups longer than a block, N:M), its survivors are taken to be the highest scores of the row.
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
        // Panels own disjoint rows of every array.
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

    /// w[:, end..] -= errors * u[block, end..].
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

/// Memory of [`run`] beside the weights that it starts from.
pub fn memory_bytes(of: &Extent) -> u64 {
    of.codes() + of.mask() + of.columns(BLOCK)
}
