//! Perplexity, agreement of sentence pairs, similarity of two models.
//!
//! All functions stream: they take the tokens in batches, run each block on a whole batch, and keep decoded blocks up to a limit.

mod closeness;
mod divergence;
mod embed;
mod head;
mod perplexity;
mod ranks;
mod runner;
mod windows;

pub use closeness::Closeness;
pub(crate) use divergence::top;
pub use divergence::{Divergence, divergence};
pub use embed::Pooling;
pub use perplexity::Perplexity;
pub use ranks::{cosine, spearman};
pub use runner::{Progress, Runner};
