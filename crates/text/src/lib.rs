//! Text to token ids and back, over the `tokenizers` crate.

mod id_stream;
mod segments;
mod stream;
mod tokenizer;
mod vocabulary;

pub use id_stream::IdStream;
pub use stream::TextStream;
pub use tokenizer::Tokenizer;
pub use vocabulary::{Cutting, TokenKind, Vocabulary};

/// A tokenizer that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("tokenizer.json: {reason}")]
pub struct TextError {
    /// What is wrong.
    pub reason: String,
}
