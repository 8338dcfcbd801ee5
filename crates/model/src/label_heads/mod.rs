//! Heads that give labels instead of words: a label for a text, or the span of a text that answers a question. They are read from
//! folders as transformers writes them.

pub(crate) mod classifier;
pub(crate) mod dense;
#[cfg(feature = "train")]
mod fresh;
mod labels;
pub(crate) mod layer;
mod span;

pub use classifier::ClassifierHead;
#[cfg(feature = "train")]
pub use fresh::{FreshHead, FreshTensor, Headed};
pub use labels::{Labels, Problem};
pub use span::{SpanHead, SpanLogits};
