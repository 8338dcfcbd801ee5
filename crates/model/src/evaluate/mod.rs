//! Perplexity, agreement of sentence pairs, similarity of two models, labels, answers, preferred texts.
//!
//! All functions stream: they take the tokens in batches as they come, run each block on a whole batch, keep decoded blocks up to a
//! limit, and look at the logits a piece of the vocabulary at a time.

pub(crate) mod activation;
mod answers;
mod bleu;
mod classify;
mod closeness;
mod completion;
mod divergence;
mod embed;
mod forced;
pub(crate) mod head;
mod memory;
pub(crate) mod module;
mod perplexity;
mod pool;
mod ranks;
mod rouge;
mod runner;
mod sentence_head;
pub(crate) mod softmax;
mod squad;
mod texts;
mod windows;

pub use answers::{Question, Span};
pub use bleu::{Bleu, BleuCounts};
pub use classify::{accuracy, f1_of_second};
pub use closeness::Closeness;
pub use completion::{Completion, preferred};
pub(crate) use divergence::top;
pub use divergence::{Divergence, divergence, divergence_between, divergence_of};
pub use forced::{Continuations, Pace, Prompt};
pub use head::Pieces;
pub use kerf_tensors::files::pipeline::Pooling;
pub use memory::{cache_bytes, head_bytes, running_bytes};
pub use perplexity::Perplexity;
pub use pool::pool;
pub use ranks::{cosine, pearson, spearman};
pub use rouge::{RougeL, rouge_l};
pub use runner::{BATCH_TOKENS, Decoded, Progress, Runner};
pub use sentence_head::SentenceHead;
pub use squad::{AnswerScore, answer_score, mean_scores};
pub use texts::{Typed, TypedText};
pub use windows::Tokens;
