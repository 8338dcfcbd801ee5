//! A loss and its gradients: forward with the input of each block kept, then back block by block.

use super::embedding::{embedding_grad, named_norm_grad};
use super::gradients::Gradients;
use super::loss::{Loss, Place};
use crate::{Batch, BlockWeights, ModelError, Network, Saved, WeightSource};
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
    loss_and_gradients_keeping(network, compute, weights, batch, loss, share, gradients, 0)
}

impl Network {
    /// Values that [`Saved`] has for a token, at most.
    pub fn saved_values(&self) -> usize {
        let (settings, names) = (&self.settings, &self.arch.block);
        let (query, kv) = (settings.query_width(), settings.kv_width());
        // Its input, the stream after attention, and one of the norm before and the norm behind each sublayer.
        let norms = 2 + usize::from(names.attention_output_norm.is_some()) * 2;
        let heads = 1 + usize::from(names.query_norm.is_some());
        let gates = 1 + usize::from(self.gated());
        (2 + norms) * settings.hidden
            + heads * (query + 2 * kv)
            + query
            + gates * settings.intermediate
    }
}

/// Values of the linear layers of a block.
fn weights_of_block(network: &Network) -> usize {
    let linears = network.arch.block.linears.iter();
    let shapes = linears.map(|row| network.shape(row.role));
    shapes.map(|(rows, cols)| rows * cols).sum()
}

/// [`loss_and_gradients`], the same to the bit, which keeps up to `keep_bytes` of what the last blocks computed on the way forward, and of
/// their weights, so that it need not be made and they need not be read again: with all blocks kept, a quarter less work. The last block
/// is always kept.
#[allow(clippy::too_many_arguments)]
pub fn loss_and_gradients_keeping(
    network: &Network,
    compute: &Compute,
    weights: &dyn WeightSource,
    batch: &Batch,
    loss: &dyn Loss,
    share: f32,
    gradients: &mut Gradients,
    keep_bytes: u64,
) -> Result<f64, ModelError> {
    let values = batch.tokens() * network.saved_values() + weights_of_block(network);
    let of_block = 4 * values as u64;
    let count = (keep_bytes / of_block.max(1)).clamp(1, network.blocks().max(1) as u64) as usize;
    let remade = network.blocks() - count.min(network.blocks());
    let mut x = network.embed(compute, weights, batch)?;
    let (mut inputs, mut kept) = (Vec::new(), Vec::<(BlockWeights, Saved)>::new());
    for index in 0..network.blocks() {
        let block = network.load_block_dense(compute, weights, index)?;
        if index < remade {
            inputs.push(gradients.buffers.copy(&x));
            network.run_block(compute, &block, batch, &mut x, None);
        } else {
            let buffers = &mut gradients.buffers;
            let saved = network.forward_saving_in(compute, &block, batch, &mut x, buffers);
            kept.push((block, saved));
        }
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
        let (block, saved) = match kept.pop() {
            Some(both) => both,
            None => {
                let block = network.load_block_dense(compute, weights, index)?;
                let (mut x, buffers) = (inputs.pop().unwrap_or_default(), &mut gradients.buffers);
                let saved = network.forward_saving_in(compute, &block, batch, &mut x, buffers);
                buffers.give(x);
                (block, saved)
            }
        };
        let tensors = network.block_tensors(weights, index);
        grad = network.backward_block(compute, &block, &tensors, batch, &saved, grad, gradients);
        saved.give(&mut gradients.buffers);
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
