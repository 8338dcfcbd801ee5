//! Coordinate descent on the codes: each code in turn becomes the best one for the present values of all others. For a quadratic
//! form that is the exact minimiser, rounded. QuantEase (2309.01885) introduced the method; Kerf runs it after optimal brain
//! surgeon and restricts it to a support.
//!
//! With G = (W - Q)(H + d), the best value of q_j is q_j + g_j / h_jj. A change of q_j by delta subtracts delta h_jk from every
//! g_k. A sweep visits blocks of columns in row panels. The changes of a block reach the other columns as one product. No sweep
//! makes the error larger.
//!
//! Cost: 2 rows cols^2 flops for each sweep, half of it for the last one; and 2 rows cols^2 once for G. Memory: two matrices.

use super::PANEL_ROWS;
use super::choose::choose;
use super::extent::Extent;
use super::obs_blocks::{at_groups, blocks};
use super::obs_loop::Rounded;
use super::obs_panel::shifted_mask;
use super::panels::{Pieces, each_panel};
use super::problem::Problem;
use super::refit::Form;
use super::selection::threshold;
use crate::solve::pattern::removed_between;
use kerf_kernels::dispatch::{DescentPanel, PanelQuant, Price};
use kerf_kernels::{MatMut, MatRef};
use std::ops::Range;

/// Share of weights. If fewer change in a sweep, no further sweep is made.
const STILL: f64 = 1e-4;

/// The columns whose gradient is updated after a block has changed.
#[derive(Clone, Copy)]
enum Reach {
    All,
    /// Columns of the blocks that the sweep has not reached yet.
    Ahead,
}

/// A descent towards `w`, with its gradient.
pub struct Descent<'a> {
    form: Form<'a>,
    problem: &'a Problem<'a>,
    /// (W - Q)(H + d), [rows, cols].
    gradient: Vec<f32>,
    /// The diagonal block of H + d for the current block of columns.
    square: Vec<f32>,
}

impl<'a> Descent<'a> {
    /// A descent from the values of `from` towards `w` [rows, cols].
    pub fn new(form: Form<'a>, problem: &'a Problem<'a>, w: &[f32], from: &Rounded) -> Self {
        let kernels = &form.compute.kernels;
        let mut lost = w.to_vec();
        each_panel(
            &form.compute.pool,
            problem.cols,
            [&mut lost],
            |panel, [lost]| {
                let first = panel * PANEL_ROWS * problem.cols;
                kernels.axpy(-1.0, &from.w[first..first + lost.len()], lost);
            },
        );
        let mut gradient = vec![0.0; lost.len()];
        form.product(&lost, &mut gradient);
        Self {
            form,
            problem,
            gradient,
            square: Vec::new(),
        }
    }

    /// Runs at most `sweeps` sweeps over all columns. It ends when a sweep changes almost nothing.
    ///
    /// The last sweep updates the gradient only of columns still ahead, so the gradient is unusable afterwards.
    pub fn sweeps(mut self, at: &mut Rounded, sweeps: usize) {
        for left in (0..sweeps).rev() {
            let reach = if left == 0 { Reach::Ahead } else { Reach::All };
            let changed = self.pass(at, None, reach);
            if self.form.compute.pool.stopped() || (changed as f64) < STILL * at.w.len() as f64 {
                return;
            }
        }
    }

    /// Moves weights in and out of the support at the sparsity of the problem. In each sweep every weight may become zero or
    /// nonzero. A nonzero weight has a price, which is adjusted after each sweep until the right number of weights survives. At
    /// the end, exactly the weights with the largest worth survive.
    pub fn swap(&mut self, at: &mut Rounded, sweeps: usize) {
        let p = self.problem;
        let total = p.rows * p.cols;
        let remove = removed_between(p.sparsity, p.rows, 0, p.cols);
        let keep = (total - remove).max(1) as f64;
        let bits = std::array::from_fn(|symbol| if symbol == 0 { 0.0 } else { 1.0 });
        let shape = (p.rows, p.cols);
        let mut lambda = threshold(self.form.compute, shape, remove, &self.worth(at));
        at.mask = None;
        for _ in 0..sweeps {
            let price = Price {
                lambda,
                bits: &bits,
            };
            self.sweep(at, Some(price));
            let kept = at.codes.iter().filter(|code| **code != 0).count();
            lambda *= (kept as f64 / keep).powf(1.5) as f32;
        }
        let mask = choose(
            self.form.compute,
            shape,
            p.pattern,
            p.sparsity,
            &self.worth(at),
        );
        at.mask = Some(mask);
    }

    /// Computes the worth of the weights of a row: the growth of the error if the weight became zero instead of its best value,
    /// with all other weights fixed. It is h_jj (q_j + g_j / h_jj)^2.
    fn worth<'w>(&'w self, at: &'w Rounded) -> impl Fn(usize, &mut [f32]) + Sync + 'w {
        let (n, damping) = (self.problem.cols, self.form.damping);
        let diagonal: Vec<f32> = (0..n)
            .map(|j| self.form.gram.h[j * n + j].max(0.0) + damping)
            .collect();
        move |row, out| {
            let (q, g) = (
                &at.w[row * n..(row + 1) * n],
                &self.gradient[row * n..(row + 1) * n],
            );
            for (((out, q), g), h) in out.iter_mut().zip(q).zip(g).zip(&diagonal) {
                let best = q + g / h;
                *out = best * best * h;
            }
        }
    }

    /// Runs one sweep. Returns the number of weights that changed.
    pub fn sweep(&mut self, at: &mut Rounded, price: Option<Price<'_>>) -> usize {
        self.pass(at, price, Reach::All)
    }

    fn pass(&mut self, at: &mut Rounded, price: Option<Price<'_>>, reach: Reach) -> usize {
        let group = self
            .problem
            .grid
            .map_or(self.problem.cols, |grid| grid.group_cols(self.problem.cols));
        let mut changed = 0;
        for block in blocks(self.problem) {
            for piece in at_groups(block, group) {
                if self.form.compute.pool.stopped() {
                    return changed; // The result of a stopped run is discarded.
                }
                let delta = self.block(at, price, piece.clone());
                changed += delta.iter().filter(|delta| **delta != 0.0).count();
                self.carry(&delta, piece, reach);
            }
        }
        changed
    }

    /// Sweeps one block of columns in every row panel. Returns the changes [rows, width].
    fn block(
        &mut self,
        at: &mut Rounded,
        price: Option<Price<'_>>,
        block: Range<usize>,
    ) -> Vec<f32> {
        self.set_square(&block);
        let (problem, width) = (self.problem, block.len());
        let (cols, grid) = (problem.cols, problem.grid);
        let mut delta = vec![0.0; problem.rows * width];
        let deltas = Pieces::of(delta.chunks_mut(PANEL_ROWS * width));
        let codes = Pieces::of(at.codes.chunks_mut(PANEL_ROWS * cols));
        let (square, mask, scales, kernels) = (
            &self.square,
            &at.mask,
            &at.scales,
            &self.form.compute.kernels,
        );
        let flops = self.form.compute.linalg.flops();
        let (group, groups) =
            grid.map_or((cols, 0), |grid| (grid.group_cols(cols), grid.groups(cols)));
        each_panel(
            &self.form.compute.pool,
            cols,
            [&mut at.w, &mut self.gradient],
            |panel, [q, g]| {
                let first = panel * PANEL_ROWS;
                let rows = q.len() / cols;
                let mut part = vec![0i8; if grid.is_some() { rows * width } else { 0 }];
                let bits = mask.as_ref().map(|mask| {
                    let of_panel = &mask.bits[first * mask.stride..];
                    shifted_mask(of_panel, mask.stride, rows, block.start, width)
                });
                flops.add_product(rows, width, width);
                kernels.descent_panel(DescentPanel {
                    q: &mut q[block.start..],
                    q_stride: cols,
                    g: &mut g[block.start..],
                    g_stride: cols,
                    delta: deltas.take(panel),
                    rows,
                    width,
                    h: square,
                    h_stride: width,
                    mask: bits.as_deref(),
                    mask_stride: width.div_ceil(8),
                    quant: grid.map(|grid| PanelQuant {
                        codes: &mut part,
                        scales: &scales[first * groups + block.start / group..],
                        scale_stride: groups,
                        group,
                        range: grid.range(),
                        product: grid.scales.product(),
                        price,
                    }),
                });
                if grid.is_some() {
                    let codes = codes.take(panel).chunks_mut(cols);
                    for (to, from) in codes.zip(part.chunks(width)) {
                        to[block.clone()].copy_from_slice(from);
                    }
                }
            },
        );
        delta
    }

    /// Copies the diagonal block of H for these columns and adds the damping.
    fn set_square(&mut self, block: &Range<usize>) {
        let n = self.form.gram.n;
        self.square.clear();
        for j in block.clone() {
            let row = &self.form.gram.h[j * n..][block.clone()];
            self.square.extend_from_slice(row);
            let at = self.square.len() - block.len() + (j - block.start);
            self.square[at] += self.form.damping;
        }
    }

    /// Updates the gradient of the other columns after a change `delta` of one block.
    fn carry(&mut self, delta: &[f32], block: Range<usize>, reach: Reach) {
        let (rows, n) = (self.problem.rows, self.problem.cols);
        let behind = match reach {
            Reach::All => 0..block.start,
            Reach::Ahead => 0..0,
        };
        for rest in [behind, block.end..n] {
            if rest.is_empty() {
                continue;
            }
            self.form.compute.linalg.gemm_nn(
                MatMut {
                    data: &mut self.gradient[rest.start..],
                    rows,
                    cols: rest.len(),
                    stride: n,
                },
                MatRef::dense(delta, rows, block.len()),
                MatRef {
                    data: &self.form.gram.h[block.start * n + rest.start..],
                    rows: block.len(),
                    cols: rest.len(),
                    stride: n,
                },
                -1.0,
                1.0,
            );
        }
    }

    /// (w - q)(H + damping)(w - q)^T for each row, computed from the gradient.
    pub fn energy(&self, w: &[f32], at: &Rounded) -> Vec<f64> {
        let cols = self.problem.cols;
        self.form.compute.pool.map(self.problem.rows, |row| {
            let row = row * cols..(row + 1) * cols;
            let lost = w[row.clone()].iter().zip(&at.w[row.clone()]);
            let terms = lost
                .zip(&self.gradient[row])
                .map(|((w, q), g)| f64::from((w - q) * g));
            terms.sum::<f64>().max(0.0)
        })
    }
}

/// Cost of `sweeps` sweeps, in the unit of `Method::products`. The gradient at the start costs one.
pub fn products(sweeps: usize) -> f64 {
    1.0 + 0.8 * sweeps as f64
}

/// Memory of a [`Descent`] in bytes: the gradient; the loss at its start, or later the changes of a block; the mask of a swap.
pub fn memory_bytes(of: &Extent) -> u64 {
    2 * of.matrix() + of.mask()
}
