//! Rounding a matrix without calibration: to its grid, or to the float type in which it will be stored.

use crate::grid::round_to;
use crate::{DType, Grid, Mask, QuantizedMatrix, Values};
use kerf_kernels::Compute;

/// Number of rows that one task rounds.
const PANEL_ROWS: usize = 64;

/// Rounds every surviving weight to the nearest value on the grid of its group. The scale of a group is the candidate with the
/// least squared error over the group's survivors.
///
/// Shapes: w [rows, cols]. Cost: one pass over w, which tries 15 candidate scales for each weight.
pub fn round_to_grid(
    compute: &Compute,
    w: &[f32],
    rows: usize,
    cols: usize,
    grid: Grid,
    mask: Option<Mask>,
) -> QuantizedMatrix {
    let (group_cols, groups, range) = (grid.group_cols(cols), grid.groups(cols), grid.range());
    let mut codes = vec![0i8; rows * cols];
    let mut scales = vec![0.0; rows * groups];
    let kernels = &compute.kernels;
    let round_row = |row: usize, codes: &mut [i8], scales: &mut [f32]| {
        let mask = mask.as_ref().map(|mask| mask.row(row));
        let weights = w[row * cols..(row + 1) * cols].chunks(group_cols);
        let parts = weights.zip(codes.chunks_mut(group_cols)).zip(scales);
        for (group, ((w, codes), scale)) in parts.enumerate() {
            let start = group * group_cols;
            let bits = mask.map(|mask| &mask[start / 8..]);
            *scale = grid.fit_scale(kernels, w, bits, start % 8);
            kernels.quantize(w, *scale, range, codes);
        }
        if let Some(mask) = mask {
            clear_pruned(codes, mask);
        }
    };
    let panel = PANEL_ROWS * cols.max(1);
    let mut panels: Vec<_> = codes
        .chunks_mut(panel)
        .zip(scales.chunks_mut(PANEL_ROWS * groups.max(1)))
        .collect();
    compute.pool.chunks_mut(&mut panels, 1, |panel, pieces| {
        let (codes, scales) = &mut pieces[0];
        let rows = codes.chunks_mut(cols).zip(scales.chunks_mut(groups));
        for (i, (codes, scales)) in rows.enumerate() {
            round_row(panel * PANEL_ROWS + i, codes, scales);
        }
    });
    drop(panels);
    QuantizedMatrix {
        rows,
        cols,
        mask,
        values: Values::Codes {
            grid,
            codes,
            scales,
            columns: Vec::new(),
        },
    }
}

fn clear_pruned(codes: &mut [i8], mask: &[u8]) {
    for (codes, bits) in codes.chunks_mut(8).zip(mask) {
        for (j, code) in codes.iter_mut().enumerate() {
            // 0 or -1 (all ones), without a branch.
            *code &= -((bits >> j & 1) as i8);
        }
    }
}

/// Keeps the survivors as floats of the type of the source tensor.
pub fn keep_floats(
    compute: &Compute,
    mut w: Vec<f32>,
    rows: usize,
    cols: usize,
    dtype: DType,
    mask: Option<Mask>,
) -> QuantizedMatrix {
    compute
        .pool
        .chunks_mut(&mut w, PANEL_ROWS * cols.max(1), |panel, w| {
            for (i, row) in w.chunks_mut(cols.max(1)).enumerate() {
                if let Some(mask) = &mask {
                    compute
                        .kernels
                        .apply_mask(row, mask.row(panel * PANEL_ROWS + i));
                }
                round_to(&compute.kernels, dtype, row);
            }
        });
    QuantizedMatrix {
        rows,
        cols,
        mask,
        values: Values::Float { dtype, values: w },
    }
}

/// The last stage of every solver: puts the survivors on the grid, or keeps them as floats.
pub fn finish(
    compute: &Compute,
    w: &[f32],
    (rows, cols): (usize, usize),
    grid: Option<Grid>,
    dtype: DType,
    mask: Option<Mask>,
) -> QuantizedMatrix {
    match grid {
        Some(grid) => round_to_grid(compute, w, rows, cols, grid, mask),
        None => keep_floats(compute, w.to_vec(), rows, cols, dtype, mask),
    }
}
