//! Text to token ids and back, over the `tokenizers` crate: a [`Description`] is made of the files of a folder, a [`Tokenizer`] of that.

mod check;
mod description;
mod error;
mod id_stream;
mod lowercase;
mod pair;
mod segments;
mod stream;
mod tokenizer;
mod vocabulary;

pub use description::{Description, TokenizerFiles};
pub use error::TextError;
pub use id_stream::IdStream;
pub use pair::{Encoded, characters};
pub use stream::TextStream;
pub use tokenizer::Tokenizer;
pub use vocabulary::{Cutting, TokenKind, Vocabulary};
