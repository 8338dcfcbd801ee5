//! The backward pass: gradients of a loss for the tensors of a network. Each operation is written out, beside its forward; there is no
//! general differentiation.
//!
//! Weights are a source by the names of a file (such as [`crate::MemoryWeights`]); [`Gradients`] has the same names and layouts. A tensor
//! that is not in `gradients` does not learn.
//!
//! ```
//! use kerf_kernels::Compute;
//! use kerf_model::backward::{Gradients, NextToken, loss_and_gradients};
//! use kerf_model::{Batch, MemoryWeights, ModelError, Network};
//!
//! /// One step down the slope.
//! fn step(network: &Network, compute: &Compute, weights: &mut MemoryWeights, batch: &Batch) -> Result<f64, ModelError> {
//!     let mut gradients = Gradients::zeros(weights, weights.names())?;
//!     let loss = NextToken::of(batch, |_| true);
//!     let value = loss_and_gradients(network, compute, weights, batch, &loss, 1.0, &mut gradients)?;
//!     for name in gradients.names() {
//!         if let (Some(grad), Some(own)) = (gradients.get(name), weights.get_mut(name)) {
//!             own.iter_mut().zip(grad).for_each(|(own, grad)| *own -= 0.1 * grad);
//!         }
//!     }
//!     Ok(value)
//! }
//! ```
//!
//! A block alone: [`crate::Network::forward_saving`], then [`crate::Network::backward_block`].

mod activation;
mod attention;
mod attention_tile;
mod block;
#[cfg(test)]
mod block_tests;
mod credit;
mod embedding;
mod gradients;
mod linear;
mod loss;
mod norm;
mod routed;
#[cfg(test)]
mod routed_tests;
mod stand_in;
mod step;

pub use gradients::Gradients;
pub use loss::{
    Against, Classification, Cosine, Loss, MeanSquare, NextToken, Place, SentenceCosine, Softened,
    SpanOfAnswer, SpanShares, Sum, Teacher, Wanted,
};
pub use routed::{RoutedBlock, RoutedGrad};
pub use step::{hidden_states, loss_and_gradients, loss_and_gradients_keeping};
