//! Matrices in the codes of other formats: rows of bytes, each decoded alone.

mod blocks;
#[cfg(test)]
mod golden;
mod words;

pub(crate) use blocks::Blocks;
pub(crate) use words::Words;

use crate::{Mask, QuantizedMatrix, Values};

/// llama.cpp turns neighbours where the models' own code turns halves: row `row` of a file is this row of the model.
/// `head_rows`: rows of a head, 0 where nothing is moved.
pub(crate) fn model_row(row: usize, head_rows: usize) -> usize {
    match head_rows {
        0 => row,
        rows => {
            let (head, at) = (row / rows, row % rows);
            head * rows + at % 2 * (rows / 2) + at / 2
        }
    }
}

/// Rows of `cols` elements as files of llama.cpp have them.
pub(crate) fn to_file_rows<T: Copy>(values: &[T], cols: usize, head_rows: usize) -> Vec<T> {
    let rows = 0..values.len() / cols.max(1);
    let source = rows.map(|row| model_row(row, head_rows) * cols);
    source
        .flat_map(|at| values[at..at + cols].iter().copied())
        .collect()
}

/// The inverse of [`to_file_rows`].
pub(crate) fn to_model_rows<T: Copy + Default>(
    values: &[T],
    cols: usize,
    head_rows: usize,
) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    for (row, values) in values.chunks(cols.max(1)).enumerate() {
        out[model_row(row, head_rows) * cols..][..cols].copy_from_slice(values);
    }
    out
}

/// A matrix with its rows as files of llama.cpp have them.
pub(crate) fn matrix_to_file_rows(matrix: QuantizedMatrix, head_rows: usize) -> QuantizedMatrix {
    if head_rows == 0 {
        return matrix;
    }
    let (rows, cols) = (matrix.rows, matrix.cols);
    let mask = matrix.mask.map(|mask| Mask {
        bits: to_file_rows(&mask.bits, mask.stride, head_rows),
        ..mask
    });
    let values = match matrix.values {
        Values::Codes {
            grid,
            codes,
            scales,
        } => Values::Codes {
            codes: to_file_rows(&codes, cols, head_rows),
            scales: to_file_rows(&scales, grid.groups(cols), head_rows),
            grid,
        },
        Values::Float { dtype, values } => Values::Float {
            dtype,
            values: to_file_rows(&values, cols, head_rows),
        },
    };
    QuantizedMatrix {
        rows,
        cols,
        mask,
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let values: Vec<u32> = (0..2 * 8 * 3).collect();
        let moved = to_file_rows(&values, 3, 8);
        // The first pair is the first of the first half and the first of the second.
        assert_eq!(moved[..6], [0, 1, 2, 12, 13, 14]);
        assert_eq!(to_model_rows(&moved, 3, 8), values);
        assert_eq!(to_file_rows(&values, 3, 0), values);
    }
}
