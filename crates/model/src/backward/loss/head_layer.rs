//! The layer that stands before the last one of some heads, forward and backward; forward alone: `HeadLayer::apply`.

use super::dense::dense_grad;
use crate::backward::Gradients;
use crate::backward::norm::norm_grad;
use crate::label_heads::layer::{Bend, HeadLayer};
use kerf_kernels::Compute;

/// What the backward pass of a layer needs of its forward pass.
pub(super) struct SavedLayer<'a> {
    layer: &'a HeadLayer,
    input: Vec<f32>,
    /// Outputs of the matrix with its bias, before the activation.
    products: Vec<f32>,
    /// Outputs of the activation: what a norm sees.
    bent: Vec<f32>,
}

/// Runs the layer, if the head has one, on `input` [n, hidden]. Gives what the last layer sees.
pub(super) fn run<'a>(
    compute: &Compute,
    layer: Option<&'a HeadLayer>,
    input: Vec<f32>,
) -> (Vec<f32>, Option<SavedLayer<'a>>) {
    let Some(layer) = layer else {
        return (input, None);
    };
    let products = layer.dense.apply(compute, &input);
    let mut bent = products.clone();
    layer.bend.apply(compute, &mut bent);
    let out = match &layer.norm {
        Some((_, norm)) => norm.applied(compute, &bent),
        None => bent.clone(),
    };
    let saved = SavedLayer {
        layer,
        input,
        products,
        bent,
    };
    (out, Some(saved))
}

impl SavedLayer<'_> {
    /// The gradient of the inputs [n, hidden] from that of the outputs [n, hidden].
    pub fn grad(
        &self,
        compute: &Compute,
        mut grad: Vec<f32>,
        gradients: &mut Gradients,
    ) -> Vec<f32> {
        if let Some((stem, norm)) = &self.layer.norm {
            let mut out = vec![0.0; grad.len()];
            let (scale, shift) = norm_grad(compute, norm, &self.bent, &grad, &mut out);
            gradients.add(&format!("{stem}.weight"), &scale);
            if let Some(shift) = shift {
                gradients.add(&format!("{stem}.bias"), &shift);
            }
            grad = out;
        }
        match self.layer.bend {
            Bend::Tanh => compute.kernels.tanh_grad(&self.bent, &mut grad),
            Bend::Relu => compute.kernels.relu_grad(&self.bent, &mut grad),
            Bend::Gelu => compute.kernels.gelu_erf_grad(&self.products, &mut grad),
        }
        dense_grad(compute, &self.layer.dense, &self.input, &grad, gradients)
    }
}
