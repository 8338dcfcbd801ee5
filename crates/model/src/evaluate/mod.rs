//! Perplexity, agreement of sentence pairs, similarity of two models.
//!
//! All functions stream: they take the tokens in batches, run each block on a whole batch, and keep decoded blocks up to a limit.

mod activation;
mod closeness;
mod divergence;
mod embed;
mod head;
mod module;
mod perplexity;
mod pool;
mod ranks;
mod runner;
mod sentence_head;
mod windows;

pub use closeness::Closeness;
pub(crate) use divergence::top;
pub use divergence::{Divergence, divergence};
pub use kerf_tensors::files::pipeline::Pooling;
pub use perplexity::Perplexity;
pub use pool::pool;
pub use ranks::{cosine, spearman};
pub use runner::{Progress, Runner};
pub use sentence_head::SentenceHead;
