//! A tokenizer as the model's tokenizer.json describes it.

use crate::TextError;

/// A tokenizer read from tokenizer.json. Its padding and truncation settings are ignored.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads tokenizer.json.
    pub fn from_bytes(json: &[u8]) -> Result<Self, TextError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(reason)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(reason)?;
        Ok(Self { inner })
    }

    /// Token ids, with the special tokens that the post-processor adds if `special`.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        let encoding = self.inner.encode_fast(text, special).map_err(reason)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Many texts, in order. One thread: the crate's own batches run on a pool that is not the job's.
    pub fn encode_all(&self, texts: &[String], special: bool) -> Result<Vec<Vec<u32>>, TextError> {
        texts
            .iter()
            .map(|text| self.encode(text, special))
            .collect()
    }

    /// Token ids with special tokens, at most `max` of them, and whether something was cut. The cut is before the special
    /// tokens that end the sequence: of `[CLS] a b c [SEP]`, four tokens are `[CLS] a b [SEP]`.
    pub fn encode_truncated(&self, text: &str, max: usize) -> Result<(Vec<u32>, bool), TextError> {
        let encoding = self.inner.encode_fast(text, true).map_err(reason)?;
        let ids = encoding.get_ids();
        if ids.len() <= max {
            return Ok((ids.to_vec(), false));
        }
        let is_special = |mask: &&u32| **mask == 1;
        let tail = encoding
            .get_special_tokens_mask()
            .iter()
            .rev()
            .take_while(is_special)
            .count()
            .min(max);
        let mut cut = ids[..max - tail].to_vec();
        cut.extend_from_slice(&ids[ids.len() - tail..]);
        Ok((cut, true))
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TextError> {
        self.inner.decode(ids, true).map_err(reason)
    }

    /// Size of the vocabulary with added tokens.
    pub fn vocab(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}

fn reason(error: tokenizers::Error) -> TextError {
    TextError {
        reason: error.to_string(),
    }
}
