//! The column loop of optimal brain surgeon over a whole matrix: masks and scales per block, row panels, trailing update.

use super::PANEL_ROWS;
use super::selection::{MaskRegion, keep_highest, keep_highest_per_row, keep_n_of_m};
use crate::methods::Problem;
use crate::pattern::{Pattern, removed_between};
use crate::solve::factor::Factor;
use kerf_kernels::dispatch::{ObsPanel, PanelQuant};
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::rounding::keep_floats;
use kerf_tensors::{Grid, Mask, QuantizedMatrix, Values};
use std::ops::Range;

/// Most columns of a block: the factor block and a row panel stay in the first and second level cache.
const BLOCK: usize = 128;

/// The state of one solve.
struct Loop<'a> {
    compute: &'a Compute,
    problem: &'a Problem<'a>,
    factor: &'a Factor,
    rows: usize,
    cols: usize,
    w: Vec<f32>,
    mask: Option<Mask>,
    /// Integer codes [rows, cols], if there is a grid.
    codes: Vec<i8>,
    /// Scales [rows, groups], if there is a grid.
    scales: Vec<f32>,
    /// Errors of the current block [rows, width].
    errors: Vec<f32>,
    /// Sum of squared errors of each row.
    energy: Vec<f64>,
}

/// Solves `w` [rows, cols] (dead columns already zero). Returns the result and the sum of e^2 = tr(D (H + damping) D^T);
/// none if the result was rounded once more to a narrow float type.
pub fn run(
    compute: &Compute,
    w: Vec<f32>,
    problem: &Problem<'_>,
    factor: &Factor,
) -> (QuantizedMatrix, Option<f64>) {
    let (rows, cols) = (problem.rows, problem.cols);
    let groups = problem.grid.map_or(0, |grid| grid.groups(cols));
    let width = block_width(problem);
    let mut state = Loop {
        compute,
        problem,
        factor,
        rows,
        cols,
        w,
        mask: (problem.sparsity > 0.0).then(|| Mask::empty(rows, cols)),
        codes: vec![
            0;
            if problem.grid.is_some() {
                rows * cols
            } else {
                0
            }
        ],
        scales: vec![0.0; rows * groups],
        errors: vec![0.0; rows * width.min(cols)],
        energy: vec![0.0; rows],
    };
    for start in (0..cols).step_by(width) {
        if compute.pool.stopped() {
            break; // Nobody will look at the result.
        }
        state.block(start..(start + width).min(cols));
    }
    state.finish()
}

/// The largest multiple of group and N:M size that fits in [`BLOCK`], and in whole bytes of the mask.
fn block_width(problem: &Problem<'_>) -> usize {
    let group = problem.grid.map_or(8, |grid| grid.group_cols(problem.cols));
    let m = if let Pattern::Nm { m, .. } = problem.pattern {
        m.max(8)
    } else {
        8
    };
    let unit = if group <= BLOCK && group.is_multiple_of(8) {
        lcm(group, m)
    } else {
        m
    };
    if unit > BLOCK {
        BLOCK
    } else {
        BLOCK / unit * unit
    }
}

fn lcm(a: usize, b: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    a / gcd(a, b) * b
}

impl Loop<'_> {
    fn block(&mut self, block: Range<usize>) {
        if !matches!(self.problem.pattern, Pattern::Nm { .. }) {
            self.choose_mask(&block);
        }
        if let Some(grid) = self.problem.grid {
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
                        let known = columns.end <= block.end
                            && !matches!(problem.pattern, Pattern::Nm { .. });
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
        let panels = self.rows.div_ceil(PANEL_ROWS);
        let errors = &mut self.errors[..self.rows * width];
        // Panels own disjoint rows of every array; each task takes its own piece out of these slots.
        let mut masks = self
            .mask
            .as_mut()
            .map(|mask| (mask.stride, mask.bits.chunks_mut(PANEL_ROWS * mask.stride)));
        let mut codes = self.codes.chunks_mut(PANEL_ROWS * cols);
        let pieces = self
            .w
            .chunks_mut(PANEL_ROWS * cols)
            .zip(errors.chunks_mut(PANEL_ROWS * width));
        let slots: Vec<_> = pieces
            .zip(self.energy.chunks_mut(PANEL_ROWS))
            .map(|((w, errors), energy)| {
                let mask = masks
                    .as_mut()
                    .and_then(|(stride, chunks)| chunks.next().map(|bits| (*stride, bits)));
                std::sync::Mutex::new(Some(Panel {
                    w,
                    errors,
                    energy,
                    mask,
                    codes: codes.next(),
                }))
            })
            .collect();
        let context = PanelContext {
            compute: self.compute,
            problem: self.problem,
            factor: self.factor,
            scales: &self.scales,
            cols,
            block: block.clone(),
        };
        self.compute.pool.run(panels, |i| {
            let panel = slots[i]
                .lock()
                .expect("a panel is taken once")
                .take()
                .expect("a panel is taken once");
            context.solve(i * PANEL_ROWS, panel);
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

    fn finish(self) -> (QuantizedMatrix, Option<f64>) {
        let energy = self.energy.iter().sum();
        let (rows, cols, mask) = (self.rows, self.cols, self.mask);
        match self.problem.grid {
            Some(grid) => {
                let values = Values::Codes {
                    grid,
                    codes: self.codes,
                    scales: self.scales,
                };
                (
                    QuantizedMatrix {
                        rows,
                        cols,
                        mask,
                        values,
                    },
                    Some(energy),
                )
            }
            None => {
                let dtype = self.problem.dtype;
                let matrix = keep_floats(self.compute, self.w, rows, cols, dtype, mask);
                (
                    matrix,
                    (dtype == kerf_tensors::DType::F32).then_some(energy),
                )
            }
        }
    }
}

/// One panel's pieces of the arrays.
struct Panel<'a> {
    w: &'a mut [f32],
    errors: &'a mut [f32],
    energy: &'a mut [f64],
    mask: Option<(usize, &'a mut [u8])>,
    codes: Option<&'a mut [i8]>,
}

/// What all panels of a block share.
struct PanelContext<'a> {
    compute: &'a Compute,
    problem: &'a Problem<'a>,
    factor: &'a Factor,
    scales: &'a [f32],
    cols: usize,
    block: Range<usize>,
}

impl PanelContext<'_> {
    fn solve(&self, first_row: usize, mut panel: Panel<'_>) {
        let width = self.block.len();
        if let Pattern::Nm { n, m } = self.problem.pattern {
            for start in (0..width).step_by(m) {
                let columns = start..(start + m).min(width);
                self.choose_n_of_m(&mut panel, &columns, n, m);
                self.columns(first_row, &mut panel, columns.clone());
                self.update_rest(&mut panel, columns);
            }
        } else {
            self.columns(first_row, &mut panel, 0..width);
        }
        for (energy, errors) in panel.energy.iter_mut().zip(panel.errors.chunks(width)) {
            *energy += errors.iter().map(|&e| e as f64 * e as f64).sum::<f64>();
        }
    }

    /// The kernel on some columns of the block.
    fn columns(&self, first_row: usize, panel: &mut Panel<'_>, columns: Range<usize>) {
        let (cols, width, len) = (self.cols, self.block.len(), columns.len());
        let rows = panel.energy.len();
        let start = self.block.start + columns.start;
        let whole = len == width;
        let mut part_errors = vec![0.0; if whole { 0 } else { rows * len }];
        let mut part_codes = vec![0i8; if panel.codes.is_some() { rows * len } else { 0 }];
        let group_cols = self.problem.grid.map_or(cols, |grid| grid.group_cols(cols));
        let groups = self.problem.grid.map_or(0, |grid| grid.groups(cols));
        // Bits of a mask that starts inside a byte are moved to the front of it.
        let mask = panel
            .mask
            .as_ref()
            .map(|(stride, bits)| shifted_mask(bits, *stride, rows, start, len));
        let quant = self.problem.grid.map(|grid| PanelQuant {
            codes: &mut part_codes,
            scales: &self.scales[first_row * groups + start / group_cols..],
            scale_stride: groups,
            group: group_cols,
            range: grid.range(),
            product: grid.scales.product(),
            price: None,
        });
        self.compute.kernels.obs_panel(ObsPanel {
            w: &mut panel.w[start..],
            w_stride: cols,
            err: if whole {
                &mut *panel.errors
            } else {
                &mut part_errors
            },
            rows,
            width: len,
            u: &self.factor.u[start * cols + start..],
            u_stride: cols,
            mask: mask.as_deref(),
            mask_stride: len.div_ceil(8),
            quant,
        });
        if !whole {
            for (to, from) in panel.errors.chunks_mut(width).zip(part_errors.chunks(len)) {
                to[columns.clone()].copy_from_slice(from);
            }
        }
        if let Some(codes) = &mut panel.codes {
            for (to, from) in codes.chunks_mut(cols).zip(part_codes.chunks(len)) {
                to[start..start + len].copy_from_slice(from);
            }
        }
    }

    fn choose_n_of_m(&self, panel: &mut Panel<'_>, columns: &Range<usize>, n: usize, m: usize) {
        let start = self.block.start + columns.start;
        let Some((stride, bits)) = &mut panel.mask else {
            return;
        };
        let inverse = &self.factor.inverse_diagonal[start..start + columns.len()];
        let mut scores = vec![0.0; columns.len()];
        let mut kept = vec![0u8; columns.len().div_ceil(8)];
        for (row, bits) in panel.w.chunks(self.cols).zip(bits.chunks_mut(*stride)) {
            self.compute.kernels.obs_scores(
                &row[start..start + columns.len()],
                inverse,
                &mut scores,
            );
            keep_n_of_m(&scores, n, m, &mut kept);
            for (i, byte) in kept.iter().enumerate() {
                // m is 2, 4 or a multiple of 8, so a group never crosses a byte unless it fills bytes.
                bits[start / 8 + i] |= byte << (start % 8);
            }
        }
    }

    /// The part of the block right of `columns` takes over their errors.
    fn update_rest(&self, panel: &mut Panel<'_>, columns: Range<usize>) {
        let (cols, width) = (self.cols, self.block.len());
        let rest = self.block.start + columns.end..self.block.end;
        if rest.is_empty() {
            return;
        }
        for (row, errors) in panel.w.chunks_mut(cols).zip(panel.errors.chunks(width)) {
            for j in columns.clone() {
                let u = &self.factor.u[(self.block.start + j) * cols..][rest.clone()];
                self.compute
                    .kernels
                    .axpy(-errors[j], u, &mut row[rest.clone()]);
            }
        }
    }
}

/// Mask bytes of `len` columns from column `start` on, dense: ceil(len / 8) bytes a row.
fn shifted_mask(bits: &[u8], stride: usize, rows: usize, start: usize, len: usize) -> Vec<u8> {
    let bytes = len.div_ceil(8);
    let tail = if len.is_multiple_of(8) {
        0xff
    } else {
        (1u8 << (len % 8)) - 1
    };
    let mut out = Vec::with_capacity(rows * bytes);
    for row in bits.chunks(stride).take(rows) {
        let from = out.len();
        out.extend(
            row[start / 8..start / 8 + bytes]
                .iter()
                .map(|byte| byte >> (start % 8)),
        );
        if let Some(last) = out[from..].last_mut() {
            *last &= tail;
        }
    }
    out
}

/// Likely survivors of a group whose mask is not decided yet.
#[derive(Default)]
struct Guess {
    scores: Vec<f32>,
    order: Vec<u32>,
    bits: Vec<u8>,
}

impl Guess {
    fn survivors(
        &mut self,
        kernels: &kerf_kernels::Kernels,
        w: &[f32],
        inverse: &[f32],
        p: &Problem<'_>,
    ) -> &[u8] {
        self.scores.resize(w.len(), 0.0);
        self.bits.clear();
        self.bits.resize(w.len().div_ceil(8), 0);
        kernels.obs_scores(w, inverse, &mut self.scores);
        let keep = w.len() - removed_between(p.sparsity, 1, 0, w.len());
        self.order.clear();
        self.order.extend(0..w.len() as u32);
        if keep < w.len() {
            let scores = &self.scores;
            self.order.select_nth_unstable_by(keep, |&a, &b| {
                scores[b as usize]
                    .total_cmp(&scores[a as usize])
                    .then(a.cmp(&b))
            });
        }
        for &j in &self.order[..keep] {
            self.bits[j as usize / 8] |= 1 << (j % 8);
        }
        &self.bits
    }
}
