//! The column loop inside one block, for a panel of rows.

use super::obs_blocks::at_groups;
use super::problem::Problem;
use super::selection::keep_n_of_m;
use crate::solve::factor::Factor;
use crate::solve::pattern::Pattern;
use kerf_kernels::Compute;
use kerf_kernels::dispatch::{ObsPanel, PanelQuant, Price};
use std::ops::Range;

/// The rows of one panel in each array.
pub(super) struct Panel<'a> {
    pub w: &'a mut [f32],
    pub errors: &'a mut [f32],
    pub energy: &'a mut [f64],
    pub mask: Option<(usize, &'a mut [u8])>,
    pub codes: Option<&'a mut [i8]>,
}

/// Values that all panels of a block share.
pub(super) struct PanelContext<'a> {
    pub compute: &'a Compute,
    pub problem: &'a Problem<'a>,
    pub factor: &'a Factor,
    pub scales: &'a [f32],
    pub price: Option<Price<'a>>,
    /// Whether the panel chooses the mask of an N:M pattern.
    pub choose: bool,
    pub cols: usize,
    pub block: Range<usize>,
}

impl PanelContext<'_> {
    pub(super) fn solve(&self, first_row: usize, mut panel: Panel<'_>) {
        let width = self.block.len();
        match self.problem.pattern {
            Pattern::Nm { n, m } if self.choose => {
                for start in (0..width).step_by(m) {
                    let columns = start..(start + m).min(width);
                    self.choose_n_of_m(&mut panel, &columns, n, m);
                    self.pieces(first_row, &mut panel, columns);
                }
            }
            _ => self.pieces(first_row, &mut panel, 0..width),
        }
        for (energy, errors) in panel.energy.iter_mut().zip(panel.errors.chunks(width)) {
            *energy += errors.iter().map(|&e| e as f64 * e as f64).sum::<f64>();
        }
    }

    /// Solves a range of columns of the block. The kernel runs on one piece at a time, with pieces cut at the borders of groups
    /// where needed.
    fn pieces(&self, first_row: usize, panel: &mut Panel<'_>, columns: Range<usize>) {
        let start = self.block.start;
        let group = self.group_cols();
        for piece in at_groups(start + columns.start..start + columns.end, group) {
            let piece = piece.start - start..piece.end - start;
            self.columns(first_row, panel, piece.clone());
            self.update_rest(panel, piece);
        }
    }

    fn group_cols(&self) -> usize {
        let grid = self.problem.grid;
        grid.map_or(self.cols, |grid| grid.group_cols(self.cols))
    }

    /// Runs the kernel on a range of columns of the block.
    fn columns(&self, first_row: usize, panel: &mut Panel<'_>, columns: Range<usize>) {
        let (cols, width, len) = (self.cols, self.block.len(), columns.len());
        let rows = panel.energy.len();
        let start = self.block.start + columns.start;
        let whole = len == width;
        let mut part_errors = vec![0.0; if whole { 0 } else { rows * len }];
        let mut part_codes = vec![0i8; if panel.codes.is_some() { rows * len } else { 0 }];
        let group_cols = self.group_cols();
        let groups = self.problem.grid.map_or(0, |grid| grid.groups(cols));
        // If the columns start inside a byte of the mask, their bits are shifted to its front.
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
            price: self.price,
        });
        // Each error updates the columns after its own.
        let flops = self.compute.linalg.flops();
        flops.add(rows as u64 * (len as u64).pow(2));
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
                // m is 2, 4 or a multiple of 8. So a group of m columns lies inside one byte, or consists of whole bytes.
                bits[start / 8 + i] |= byte << (start % 8);
            }
        }
    }

    /// Subtracts the effect of the errors in `columns` from the columns to their right in the block.
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

/// Mask bytes of `len` columns from column `start` on. Each row has ceil(len / 8) bytes, and rows follow without gaps.
pub(super) fn shifted_mask(
    bits: &[u8],
    stride: usize,
    rows: usize,
    start: usize,
    len: usize,
) -> Vec<u8> {
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
