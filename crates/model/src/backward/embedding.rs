//! Backward of embeddings and of the final norm; forward: [`crate::embedding`] and `Network::finish`.

use super::gradients::Gradients;
use super::norm::norm_grad;
use crate::embedding::embed_bare;
use crate::norm::NormWeights;
use crate::{Batch, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// Backward of the norm of that stem at `x` [tokens, hidden]: the gradient of `x` from that of the norm's result.
pub(super) fn named_norm_grad(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    stem: &str,
    (x, grad): (&[f32], &[f32]),
    gradients: &mut Gradients,
) -> Result<Vec<f32>, ModelError> {
    let stem = network.name(stem, 0);
    let norm = NormWeights::load(network, compute, weights, &stem, network.hidden())?;
    let mut out = vec![0.0; x.len()];
    let (scale, shift) = norm_grad(compute, &norm, x, grad, &mut out);
    let (scale_name, shift_name) = network.norm_names(&stem);
    gradients.add(&scale_name, &scale);
    if let Some((name, shift)) = shift_name.zip(shift) {
        gradients.add(&name, &shift);
    }
    Ok(out)
}

/// Adds the gradients of token, position and type embeddings and of their norm, from that of the first block's input. Tokens are added
/// in the order of the batch.
pub(super) fn embedding_grad(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
    mut grad: Vec<f32>,
    gradients: &mut Gradients,
) -> Result<(), ModelError> {
    if let Some(stem) = network.arch.embeddings.norm {
        let x = embed_bare(network, compute, weights, batch)?;
        grad = named_norm_grad(network, compute, weights, stem, (&x, &grad), gradients)?;
    }
    let hidden = network.hidden();
    let mut spread = |name: Option<String>, row: &dyn Fn(usize) -> usize, factor: f32| {
        let Some(out) = name.and_then(|name| gradients.get_mut(&name)) else {
            return;
        };
        for (token, grad) in grad.chunks_exact(hidden).enumerate() {
            let out = &mut out[row(token) * hidden..][..hidden];
            compute.kernels.axpy(factor, grad, out);
        }
    };
    let offset = network.settings.position_rows.1;
    let kind = |token: usize| batch.types.as_ref().map_or(0, |types| types[token]);
    spread(
        Some(network.token_embedding()),
        &|token| batch.ids[token] as usize,
        network.settings.embedding_scale,
    );
    spread(
        network.position_embedding(),
        &|token| batch.positions[token] + offset,
        1.0,
    );
    spread(network.type_embedding(), &kind, 1.0);
    Ok(())
}
