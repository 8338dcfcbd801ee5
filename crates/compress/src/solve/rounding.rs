//! Rounding a matrix to its grid, or to the float type that will be stored, without calibration.

use super::PANEL_ROWS;
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, Mask, QuantizedMatrix, Values};

/// Rounds every surviving weight to the nearest value of its group's grid; the scale of a group is the one with the least
/// squared error over its survivors.
///
/// Shapes: w [rows, cols]. Cost: one pass of the scale search (25 candidates a weight) and one of rounding.
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
    let scales = compute.pool.map(rows.div_ceil(PANEL_ROWS), |panel| {
        let end = ((panel + 1) * PANEL_ROWS).min(rows);
        let mut scales = Vec::with_capacity((end - panel * PANEL_ROWS) * groups);
        for row in panel * PANEL_ROWS..end {
            for start in (0..cols).step_by(group_cols) {
                let part = &w[row * cols + start..row * cols + (start + group_cols).min(cols)];
                let bits = mask.as_ref().map(|mask| &mask.row(row)[start / 8..]);
                scales.push(compute.kernels.fit_scale(part, bits, start % 8, range));
            }
        }
        scales
    });
    let scales = scales.concat();
    compute
        .pool
        .chunks_mut(&mut codes, PANEL_ROWS * cols, |panel, codes| {
            for (i, codes) in codes.chunks_mut(cols).enumerate() {
                let row = panel * PANEL_ROWS + i;
                for (group, start) in (0..cols).step_by(group_cols).enumerate() {
                    let end = (start + group_cols).min(cols);
                    let scale = scales[row * groups + group];
                    compute.kernels.quantize(
                        &w[row * cols + start..row * cols + end],
                        scale,
                        range,
                        &mut codes[start..end],
                    );
                }
                if let Some(mask) = &mask {
                    clear_pruned(codes, mask.row(row));
                }
            }
        });
    QuantizedMatrix {
        rows,
        cols,
        mask,
        values: Values::Codes {
            grid,
            codes,
            scales,
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

/// Keeps survivors as floats of the source's type.
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
                round_to_dtype(compute, row, dtype);
            }
        });
    QuantizedMatrix {
        rows,
        cols,
        mask,
        values: Values::Float { dtype, values: w },
    }
}

fn round_to_dtype(compute: &Compute, row: &mut [f32], dtype: DType) {
    let mut narrow = vec![0u16; if dtype == DType::F32 { 0 } else { row.len() }];
    match dtype {
        DType::F16 => {
            compute.kernels.f32_to_f16(row, &mut narrow);
            compute.kernels.f16_to_f32(&narrow, row);
        }
        DType::BF16 => {
            compute.kernels.f32_to_bf16(row, &mut narrow);
            compute.kernels.bf16_to_f32(&narrow, row);
        }
        _ => {}
    }
}

/// The end of every solver: survivors on their grid, or as floats.
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
