//! The codes of other formats. Each row of a matrix has bytes of its own, so that it can be decoded without the other rows.

mod blocks;
#[cfg(test)]
mod golden;
mod words;

pub(crate) use blocks::Blocks;
pub(crate) use words::Words;

use std::borrow::Cow;

/// The order of the rows in a GGUF file: row `i` of the file is row `order[i]` of the model. llama.cpp rotates neighbouring rows
/// of a head, where the models' own code rotates row j together with row j + `head_rows` / 2. `head_rows` is the number of rows
/// of a head. With 0 no row moves, and the order is empty.
pub(crate) fn file_order(rows: usize, head_rows: usize) -> Vec<usize> {
    let row = |row: usize| {
        let (head, at) = (row / head_rows, row % head_rows);
        head * head_rows + at % 2 * (head_rows / 2) + at / 2
    };
    (0..rows).take_while(|_| head_rows > 0).map(row).collect()
}

/// The inverse of [`file_order`]: row `i` of the model is row `order[i]` of the file.
pub(crate) fn model_order(rows: usize, head_rows: usize) -> Vec<usize> {
    let file = file_order(rows, head_rows);
    let mut order = vec![0; file.len()];
    for (at, row) in file.into_iter().enumerate() {
        order[row] = at;
    }
    order
}

/// The rows of `values`, of `cols` elements each, in the given order. An empty order moves no row.
pub(crate) fn in_order<'v, T: Copy>(values: &'v [T], cols: usize, order: &[usize]) -> Cow<'v, [T]> {
    if order.is_empty() {
        return Cow::Borrowed(values);
    }
    let rows = order.iter().map(|row| &values[row * cols..][..cols]);
    Cow::Owned(rows.flatten().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let values: Vec<u32> = (0..2 * 8 * 3).collect();
        let moved = in_order(&values, 3, &file_order(16, 8));
        // The first pair consists of the first row of each half.
        assert_eq!(moved[..6], [0, 1, 2, 12, 13, 14]);
        assert_eq!(*in_order(&moved, 3, &model_order(16, 8)), values);
        assert_eq!(*in_order(&values, 3, &file_order(16, 0)), values);
    }
}
