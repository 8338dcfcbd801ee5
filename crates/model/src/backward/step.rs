//! A loss and its gradients: forward with the input of each block kept, then back block by block.

use super::embedding::{embedding_grad, named_norm_grad};
use super::gradients::Gradients;
use super::loss::{Loss, Place};
use crate::{Batch, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// The loss of a batch, and `share` times its gradients added to `gradients`.
///
/// A loss is a mean over what it counts ([`Loss::count`]). Who adds up several batches gives each the share that its count has in all.
/// Weights are read block by block, twice. Beside the gradients it takes memory for the input of each block
/// ([blocks + 1, tokens, hidden]) and for one block at work. The same bits for any number of threads. A loss that is not finite is
/// given back as it is, without gradients.
///
/// Errors: those of reading weights, `TOO_LONG`, `BAD_TOKEN`, those of the loss.
pub fn loss_and_gradients(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
    loss: &dyn Loss,
    share: f32,
    gradients: &mut Gradients,
) -> Result<f64, ModelError> {
    let mut x = network.embed(compute, weights, batch)?;
    let mut inputs = Vec::with_capacity(network.blocks());
    for index in 0..network.blocks() {
        let block = network.load_block_dense(compute, weights, index)?;
        inputs.push(x.clone());
        network.run_block(compute, &block, batch, &mut x, None);
    }
    let last = network.arch.final_norm.map(|stem| (stem, x.clone()));
    network.finish(compute, weights, &mut x)?;
    let place = Place {
        network,
        compute,
        weights,
        batch,
    };
    let (value, mut grad) = loss.backward(place, &x, share, gradients)?;
    drop(x);
    if !value.is_finite() {
        return Ok(value);
    }
    if let Some((stem, x)) = last {
        grad = named_norm_grad(network, compute, weights, stem, (&x, &grad), gradients)?;
    }
    for index in (0..network.blocks()).rev() {
        let block = network.load_block_dense(compute, weights, index)?;
        let mut x = inputs.pop().unwrap_or_default();
        let saved = network.forward_saving(compute, &block, batch, &mut x);
        drop(x);
        let tensors = network.block_tensors(weights, index);
        grad = network.backward_block(compute, &block, &tensors, batch, &saved, grad, gradients);
    }
    embedding_grad(network, compute, weights, batch, grad, gradients)?;
    Ok(value)
}

/// Last hidden states [tokens, hidden] of a batch, after the final norm: what a teacher gives.
pub fn hidden_states(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
) -> Result<Vec<f32>, ModelError> {
    let mut x = network.embed(compute, weights, batch)?;
    for index in 0..network.blocks() {
        let block = network.load_block(compute, weights, index)?;
        network.run_block(compute, &block, batch, &mut x, None);
    }
    network.finish(compute, weights, &mut x)?;
    Ok(x)
}
