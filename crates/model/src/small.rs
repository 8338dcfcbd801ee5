//! Products of very small matrices in plain loops over register tiles, for the attention of short sequences.
//!
//! No fused multiply-add, a fixed order: the same bytes on every machine.

/// Lanes of a register tile; packed rows are padded to a multiple.
pub(crate) const LANES: usize = 8;
/// Rows of a register tile.
const ROWS: usize = 4;

/// A row-major operand.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

/// Writes the first rows of `out` [dim, stride] = transpose of `rows` rows of `source`, where dim = out.len() / stride.
/// The padding columns stay as they are.
pub(crate) fn transpose(
    source: &[f32],
    source_stride: usize,
    rows: usize,
    stride: usize,
    out: &mut [f32],
) {
    let dim = out.len() / stride;
    for (row, values) in source.chunks(source_stride).take(rows).enumerate() {
        for (depth, value) in values[..dim].iter().enumerate() {
            out[depth * stride + row] = *value;
        }
    }
}

/// out[i, j] = scale * sum over d < depth of a[i, d] * b[d, j], for i < rows, j < cols.
#[allow(clippy::too_many_arguments)]
pub(crate) fn product(
    a: Panel<'_>,
    rows: usize,
    b: Panel<'_>,
    depth: usize,
    scale: f32,
    out: &mut [f32],
    out_stride: usize,
    cols: usize,
) {
    let full = cols - cols % LANES;
    for first in (0..rows).step_by(ROWS) {
        // A tile over the edge computes its last row again instead of branching inside.
        let row = |index: usize| {
            let row = (first + index).min(rows - 1);
            &a.data[row * a.stride..][..depth]
        };
        let tile = [row(0), row(1), row(2), row(3)];
        let wanted = ROWS.min(rows - first);
        for col in (0..full).step_by(LANES) {
            let sums = lanes(tile, &b.data[col..], b.stride, depth);
            for (index, sums) in sums.iter().take(wanted).enumerate() {
                let out = &mut out[(first + index) * out_stride + col..][..LANES];
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = sum * scale;
                }
            }
        }
        for col in full..cols {
            for (index, a) in tile.iter().take(wanted).enumerate() {
                let terms = a.iter().enumerate();
                let sum = terms.fold(0.0, |sum, (d, a)| sum + a * b.data[d * b.stride + col]);
                out[(first + index) * out_stride + col] = sum * scale;
            }
        }
    }
}

#[inline]
fn lanes(a: [&[f32]; ROWS], b: &[f32], stride: usize, depth: usize) -> [[f32; LANES]; ROWS] {
    let mut sums = [[0.0; LANES]; ROWS];
    let [a0, a1, a2, a3] = a.map(|row| &row[..depth]);
    for d in 0..depth {
        let b: &[f32; LANES] = b[d * stride..][..LANES].try_into().expect("LANES values");
        for lane in 0..LANES {
            sums[0][lane] += a0[d] * b[lane];
            sums[1][lane] += a1[d] * b[lane];
            sums[2][lane] += a2[d] * b[lane];
            sums[3][lane] += a3[d] * b[lane];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_odd_sizes_equal_the_definition() {
        for (rows, depth, cols) in [(1, 1, 1), (3, 5, 8), (4, 32, 16), (7, 9, 21), (15, 32, 13)] {
            let a: Vec<f32> = (0..rows * (depth + 2))
                .map(|i| (i % 13) as f32 - 6.0)
                .collect();
            let b: Vec<f32> = (0..depth * (cols + 3))
                .map(|i| (i % 7) as f32 - 3.0)
                .collect();
            let mut out = vec![f32::NAN; rows * (cols + 1)];
            let panel = |data, stride| Panel { data, stride };
            product(
                panel(&a, depth + 2),
                rows,
                panel(&b, cols + 3),
                depth,
                0.5,
                &mut out,
                cols + 1,
                cols,
            );
            for i in 0..rows {
                for j in 0..cols {
                    let sum: f32 = (0..depth)
                        .map(|d| a[i * (depth + 2) + d] * b[d * (cols + 3) + j])
                        .sum();
                    assert_eq!(
                        out[i * (cols + 1) + j],
                        0.5 * sum,
                        "{rows}x{depth}x{cols} at {i}, {j}"
                    );
                }
                if i + 1 < rows {
                    assert!(
                        out[i * (cols + 1) + cols].is_nan(),
                        "wrote outside its columns"
                    );
                }
            }
        }
    }
}
