//! Text to token ids and back, over the `tokenizers` crate.

/// A tokenizer read from tokenizer.json. Its padding and truncation settings are ignored.
pub struct Tokenizer {}

/// A tokenizer that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("tokenizer.json: {reason}")]
pub struct TextError {
    /// What is wrong.
    pub reason: String,
}

#[allow(unused_variables)]
impl Tokenizer {
    /// Reads tokenizer.json.
    pub fn from_bytes(json: &[u8]) -> Result<Self, TextError> {
        todo!()
    }
    /// Token ids, with the special tokens that the post-processor adds if `special`.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        todo!()
    }
    /// Many texts at once.
    pub fn encode_all(&self, texts: &[String], special: bool) -> Result<Vec<Vec<u32>>, TextError> {
        todo!()
    }
    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TextError> {
        todo!()
    }
    /// Size of the vocabulary with added tokens.
    pub fn vocab(&self) -> usize {
        todo!()
    }
}
