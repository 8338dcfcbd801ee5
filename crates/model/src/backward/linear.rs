//! Backward of linear layers; forward: `Stack::multiply` and the bias in [`crate::forward`].

use super::gradients::Gradients;
use crate::block::Stack;
use crate::block_tensors::{BlockTensor, TensorPlace, one_after_the_other_to_head_by_head};
use crate::forward::rows_per_chunk;
use kerf_kernels::{Compute, MatMut, MatRef};
use std::borrow::Cow;

/// Sum of the rows of a matrix [rows, cols]: tiles of rows, added in their order.
pub(super) fn column_sums(compute: &Compute, matrix: &[f32], cols: usize) -> Vec<f32> {
    let chunk = rows_per_chunk(cols) * cols;
    let tiles: Vec<&[f32]> = matrix.chunks(chunk).collect();
    let parts = compute.pool.map(tiles.len(), |at| {
        let mut sums = vec![0.0; cols];
        for row in tiles[at].chunks_exact(cols) {
            compute.kernels.add(row, &mut sums);
        }
        sums
    });
    add_up(compute, parts, cols)
}

/// Parts of a sum, added in their order.
pub(super) fn add_up(compute: &Compute, parts: Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let mut total = vec![0.0; len];
    for part in parts {
        compute.kernels.add(&part, &mut total);
    }
    total
}

/// `out = grad W`: the gradient of the input [tokens, cols] of a stack, from that of its output [tokens, rows].
pub(super) fn input_grad(compute: &Compute, stack: &Stack, grad: &[f32], out: &mut [f32]) {
    let tokens = grad.len() / stack.rows;
    compute.linalg.gemm_nn(
        MatMut::dense(out, tokens, stack.cols),
        MatRef::dense(grad, tokens, stack.rows),
        MatRef::dense(&stack.weight, stack.rows, stack.cols),
        1.0,
        0.0,
    );
}

/// Adds the gradients of the weights and biases of the shared input `at`, from its values [tokens, cols] and the gradient of the stack's
/// output [tokens, rows]. A weight's gradient is made where it belongs, in the layout of its file.
pub(super) fn weight_grads(
    compute: &Compute,
    tensors: &[BlockTensor],
    at: usize,
    (input, cols): (&[f32], usize),
    (grad, rows): (&[f32], usize),
    gradients: &mut Gradients,
) {
    let tokens = grad.len() / rows;
    let mut sums = None;
    for tensor in tensors {
        match &tensor.place {
            TensorPlace::Weight {
                input: of,
                rows: own,
            } if *of == at => {
                let Some(out) = gradients.get_mut(&tensor.name) else {
                    continue;
                };
                let (grad, first) = match tensor.by_head() {
                    None => (Cow::Borrowed(grad), own.start),
                    Some(dim) => {
                        let rows = grad.chunks_exact(rows);
                        let moved = rows.flat_map(|row| {
                            one_after_the_other_to_head_by_head(&row[own.clone()], dim, 1)
                        });
                        (Cow::Owned(moved.collect()), 0)
                    }
                };
                let grad = MatRef {
                    data: &grad[first.min(grad.len())..],
                    rows: tokens,
                    cols: own.len(),
                    stride: if tensor.by_head().is_some() {
                        own.len()
                    } else {
                        rows
                    },
                };
                let input = MatRef::dense(input, tokens, cols);
                let linalg = &compute.linalg;
                match tensor.transposed() {
                    false => {
                        linalg.gemm_tn(MatMut::dense(out, own.len(), cols), grad, input, 1.0, 1.0);
                    }
                    true => {
                        linalg.gemm_tn(MatMut::dense(out, cols, own.len()), input, grad, 1.0, 1.0);
                    }
                }
            }
            TensorPlace::Bias {
                input: of,
                rows: own,
            } if *of == at => {
                if gradients.get(&tensor.name).is_none() {
                    continue;
                }
                let sums = sums.get_or_insert_with(|| column_sums(compute, grad, rows));
                gradients.add_loaded(compute, tensor, &sums[own.clone()]);
            }
            _ => {}
        }
    }
}
