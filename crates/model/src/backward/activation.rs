//! Backward of the activation and the gate of the MLP; forward: `Pass::activated` in [`crate::forward`].

use crate::arch::Activation;
use crate::forward::{activate, rows_per_chunk};
use kerf_kernels::{Compute, Kernels};

fn slope(kernels: &Kernels, activation: Activation, x: &[f32], grad: &mut [f32]) {
    match activation {
        Activation::Silu => kernels.silu_grad(x, grad),
        Activation::GeluErf => kernels.gelu_erf_grad(x, grad),
        Activation::GeluTanh => kernels.gelu_tanh_grad(x, grad),
        Activation::Relu => kernels.relu_grad(x, grad),
    }
}

/// Gradient `out` of the products of the MLP's first matrices [tokens, rows], from that of what its last matrix sees [tokens, width].
pub(super) fn activation_grad(
    compute: &Compute,
    activation: Activation,
    (products, rows): (&[f32], usize),
    (grad, width): (&[f32], usize),
    out: &mut [f32],
) {
    let tile = rows_per_chunk(rows);
    let kernels = &compute.kernels;
    compute.pool.chunks_mut(out, tile * rows, |index, out| {
        for (row, out) in out.chunks_exact_mut(rows).enumerate() {
            let token = index * tile + row;
            let (x, gate) = products[token * rows..][..rows].split_at(width);
            let grad = &grad[token * width..][..width];
            let (of_x, of_gate) = out.split_at_mut(width);
            of_x.copy_from_slice(grad);
            if !gate.is_empty() {
                of_gate.copy_from_slice(x);
                activate(kernels, activation, of_gate);
                kernels.mul(grad, of_gate);
                kernels.mul(gate, of_x);
            }
            slope(kernels, activation, x, of_x);
        }
    });
}
