//! Losses: what the last hidden states of a batch are worth, and the gradient of that. One file each.
//!
//! | loss | of | in |
//! |---|---|---|
//! | [`NextToken`] | cross-entropy of the next token, where it counts | `next_token.rs` |
//! | [`Teacher`] | KL of another model's next-token distribution to the model's | `teacher.rs` |
//! | [`Softened`] | the same with a temperature | `teacher.rs` |
//! | [`Classification`] | labels of texts: cross-entropy, sigmoids, squares, or another model's probabilities | `classification.rs` |
//! | [`SpanOfAnswer`] | cross-entropy of the start and the end of an answer | `span.rs` |
//! | [`SpanShares`] | divergence of both from another model's probabilities | `span.rs` |
//! | [`Cosine`] | cosine of pairs of texts, or to another model's vectors | `cosine.rs` |
//! | [`SentenceCosine`] | the same behind the modules of a sentence encoder | `sentence.rs` |
//! | [`MeanSquare`] | distance of hidden states to those of another model | `mean_square.rs` |
//! | `Runner::kl_grad` | KL of a model to itself where tokens skip blocks | `own_head.rs` |
//! | [`Sum`] | several of them, weighted | here |

mod classification;
mod cosine;
mod dense;
mod head_layer;
mod mean_square;
mod next_token;
mod own_head;
mod pool;
mod sentence;
mod slope;
mod softmax;
mod span;
mod teacher;
mod vocabulary;

pub use classification::{Classification, Wanted};
pub use cosine::{Against, Cosine};
pub use mean_square::MeanSquare;
pub use next_token::NextToken;
pub use sentence::SentenceCosine;
pub use span::{SpanOfAnswer, SpanShares};
pub use teacher::{Softened, Teacher};

use super::Gradients;
use crate::{Batch, ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// Where a loss is taken.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The network that learns.
    pub network: &'a Network,
    /// The machine.
    pub compute: &'a Compute,
    /// Its weights.
    pub weights: &'a dyn WeightSource,
    /// The batch.
    pub batch: &'a Batch,
}

/// A loss of the last hidden states of a batch: a mean over what it counts.
pub trait Loss: Sync {
    /// What is counted of the batch: predictions, texts, or hidden states.
    fn count(&self) -> usize;

    /// The loss, and `share` times its gradient [tokens, hidden] for `states`, the last hidden states after the final norm. `share`
    /// times the gradients of the tensors of a head are added to `gradients`.
    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError>;
}

/// Several losses, each times its weight.
pub struct Sum<'a>(pub Vec<(f32, &'a dyn Loss)>);

impl Loss for Sum<'_> {
    /// That of the first.
    fn count(&self) -> usize {
        self.0.first().map_or(0, |(_, loss)| loss.count())
    }

    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let (mut total, mut grad) = (0.0, vec![0.0; states.len()]);
        for (weight, loss) in &self.0 {
            let (value, own) = loss.backward(place, states, share * weight, gradients)?;
            total += f64::from(*weight) * value;
            place.compute.kernels.add(&own, &mut grad);
        }
        Ok((total, grad))
    }
}
