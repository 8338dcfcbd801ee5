//! Backward of a linear layer of a head; forward: `Dense::apply`.

use crate::backward::Gradients;
use crate::backward::linear::column_sums;
use crate::label_heads::dense::Dense;
use kerf_kernels::{Compute, MatMut, MatRef};

/// The gradient of the inputs [n, cols] from that of the outputs [n, rows].
pub(super) fn dense_grad(
    compute: &Compute,
    layer: &Dense,
    input: &[f32],
    grad: &[f32],
    gradients: &mut Gradients,
) -> Vec<f32> {
    let n = grad.len() / layer.rows;
    let mut out = vec![0.0; input.len()];
    let grad_of = MatRef::dense(grad, n, layer.rows);
    let weight = MatRef::dense(&layer.weight, layer.rows, layer.cols);
    let result = MatMut::dense(&mut out, n, layer.cols);
    compute.linalg.gemm_nn(result, grad_of, weight, 1.0, 0.0);
    if let Some(own) = gradients.get_mut(&format!("{}.weight", layer.stem)) {
        let own = MatMut::dense(own, layer.rows, layer.cols);
        let input = MatRef::dense(input, n, layer.cols);
        compute.linalg.gemm_tn(own, grad_of, input, 1.0, 1.0);
    }
    if layer.bias.is_some() {
        let sums = column_sums(compute, grad, layer.rows);
        gradients.add(&format!("{}.bias", layer.stem), &sums);
    }
    out
}
