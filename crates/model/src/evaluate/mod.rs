//! Perplexity, agreement of sentence pairs, similarity of two models.
//!
//! All functions stream: they take the tokens in batches as they come, run each block on a whole batch, keep decoded blocks up to a
//! limit, and look at the logits a piece of the vocabulary at a time.

mod closeness;
mod divergence;
mod embed;
mod head;
mod memory;
mod perplexity;
mod ranks;
mod runner;
mod softmax;
mod windows;

pub use closeness::Closeness;
pub(crate) use divergence::top;
pub use divergence::{Divergence, divergence, divergence_of};
pub use embed::Pooling;
pub use head::Pieces;
pub use memory::{cache_bytes, head_bytes, running_bytes};
pub use perplexity::Perplexity;
pub use ranks::{cosine, spearman};
pub use runner::{BATCH_TOKENS, Progress, Runner};
pub use windows::Tokens;
