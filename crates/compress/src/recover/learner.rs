//! One matrix that learns: floats behind, rounded values in front.

use super::rate::CodeRate;
use kerf_kernels::Compute;
use kerf_tensors::grid::round_to;
use kerf_tensors::{Grid, QuantizedMatrix, Values, transpose};
use std::borrow::Cow;

/// Rows that one task rounds.
const PANEL_ROWS: usize = 32;

/// A matrix that learns. Its values are [outputs, inputs], whatever the layout of the file.
pub(crate) struct Learner {
    /// Name of the tensor.
    pub name: String,
    /// Whether the tensor is [inputs, outputs].
    pub transposed: bool,
    /// As rounded last: mask, codes and scales, or floats.
    pub rounded: QuantizedMatrix,
    /// The rate that its codes must keep, if they are entropy-coded.
    pub rate: Option<CodeRate>,
}

impl Learner {
    /// Name of the floats behind the scales.
    pub fn scales_name(&self) -> String {
        format!("{}:scales", self.name)
    }

    /// The scales as they are now, [rows, groups].
    pub fn scales(&self) -> Option<&[f32]> {
        match &self.rounded.values {
            Values::Codes { scales, .. } => Some(scales),
            Values::Float { .. } => None,
        }
    }

    /// Rounds the floats `w` [rows, cols] on the grid of `scales` [rows, groups], each of which becomes the nearest scale of its kind.
    /// What is 0 stays 0. `price` is that of a bit, where codes must keep a rate.
    pub fn round(&mut self, compute: &Compute, w: &[f32], scales: &[f32], price: f64) {
        let cols = self.rounded.cols.max(1);
        let panel = PANEL_ROWS * cols;
        match &mut self.rounded.values {
            Values::Float { dtype, values } => {
                let dtype = *dtype;
                compute.pool.chunks_mut(values, panel, |index, values| {
                    values.copy_from_slice(&w[index * panel..][..values.len()]);
                    round_to(&compute.kernels, dtype, values);
                });
            }
            Values::Codes {
                grid,
                codes,
                scales: seen,
                columns,
            } => {
                let grid = *grid;
                for (seen, scale) in seen.iter_mut().zip(scales) {
                    *seen = nearest(grid, *seen, *scale);
                }
                let (group, groups, range) =
                    (grid.group_cols(cols), grid.groups(cols), grid.range());
                let seen = &*seen;
                let limits = self.rate.as_ref().map(|rate| rate.limits(price));
                compute.pool.chunks_mut(codes, panel, |index, codes| {
                    for (row, codes) in codes.chunks_mut(cols).enumerate() {
                        let row = index * PANEL_ROWS + row;
                        let row_of_w = in_columns(&w[row * cols..][..cols], columns);
                        let parts = row_of_w.chunks(group);
                        let scales = &seen[row * groups..][..groups];
                        for ((w, codes), scale) in parts.zip(codes.chunks_mut(group)).zip(scales) {
                            compute.kernels.quantize(w, *scale, range, codes);
                            if let Some(limits) = &limits {
                                CodeRate::lower(limits, w, *scale, codes);
                            }
                        }
                    }
                });
                if let Some(rate) = &mut self.rate {
                    rate.count(compute, codes, cols);
                }
            }
        }
    }

    /// Shape of the tensor in the file.
    pub fn shape(&self) -> Vec<usize> {
        match self.transposed {
            true => vec![self.rounded.cols, self.rounded.rows],
            false => vec![self.rounded.rows, self.rounded.cols],
        }
    }

    /// The rounded values in the layout of the file.
    pub fn values(&self, compute: &Compute) -> Vec<f32> {
        let values = self.rounded.dequantize_on(compute);
        match self.transposed {
            true => transpose(compute, &values, self.rounded.rows, self.rounded.cols),
            false => values,
        }
    }

    /// Turns the gradient of the rounded values, in the layout of the file, into that of the floats `w`: what was clipped has none. Adds
    /// that of the scales to `of_scales` [rows, groups].
    pub fn fold(&self, compute: &Compute, w: &[f32], grad: &mut [f32], of_scales: &mut [f32]) {
        let (rows, cols) = (self.rounded.rows, self.rounded.cols);
        if self.transposed {
            let turned = transpose(compute, grad, cols, rows);
            grad.copy_from_slice(&turned);
        }
        let Values::Codes {
            grid,
            codes,
            scales,
            columns,
        } = &self.rounded.values
        else {
            return;
        };
        let (group, groups) = (grid.group_cols(cols), grid.groups(cols));
        let (lo, hi) = (f32::from(grid.range().lo), f32::from(grid.range().hi));
        let panel = PANEL_ROWS * cols.max(1);
        let mut pieces: Vec<_> = grad
            .chunks_mut(panel)
            .zip(of_scales.chunks_mut(PANEL_ROWS * groups.max(1)))
            .collect();
        compute.pool.chunks_mut(&mut pieces, 1, |index, piece| {
            let (grad, of_scales) = &mut piece[0];
            for (at, of_scale) in of_scales.iter_mut().enumerate() {
                let (row, part) = (at / groups, at % groups);
                let first = (index * PANEL_ROWS + row) * cols + part * group;
                let width = group.min(cols - part * group);
                let scale = scales[(index * PANEL_ROWS + row) * groups + part];
                let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
                let grad = &mut grad[row * cols + part * group..][..width];
                let mut sum = 0.0;
                let each = grad.iter_mut().zip(&w[first..]).zip(&codes[first..]);
                for (col, ((grad, w), code)) in each.enumerate() {
                    let factor = columns.get(part * group + col).copied().unwrap_or(1.0);
                    let (steps, code) = (w / factor * inverse, f32::from(*code));
                    if (lo - 0.5..=hi + 0.5).contains(&steps) {
                        sum += *grad * factor * (code - steps);
                    } else {
                        sum += *grad * factor * code;
                        *grad = 0.0;
                    }
                }
                *of_scale += sum;
            }
        });
    }
}

/// A row in units of the factors of its columns.
fn in_columns<'w>(row: &'w [f32], factors: &[f32]) -> Cow<'w, [f32]> {
    match factors {
        [] => Cow::Borrowed(row),
        _ => Cow::Owned(
            row.iter()
                .zip(factors)
                .map(|(w, factor)| w / factor)
                .collect(),
        ),
    }
}

/// The scale of the grid that is nearest to `wanted`; one that is no scale at all leaves the scale `now`.
fn nearest(grid: Grid, now: f32, wanted: f32) -> f32 {
    let sound = wanted.is_finite() && wanted != 0.0 && now != 0.0;
    if !sound || wanted.is_sign_negative() != now.is_sign_negative() {
        return now;
    }
    grid.scales.nearest(wanted)
}
