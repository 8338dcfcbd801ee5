//! A tokenizer as the model's tokenizer.json describes it.

use crate::TextError;
use crate::segments::{Cut, Memo};

/// Texts shorter than this are encoded in one call.
pub(crate) const LONG_BYTES: usize = 4096;

/// A tokenizer read from tokenizer.json. Its padding and truncation settings are ignored.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    pub(crate) cut: Cut,
    /// Special tokens that the post-processor puts before and after a text; `None` if it does something else.
    special: Option<(Vec<u32>, Vec<u32>)>,
}

impl Tokenizer {
    /// Reads tokenizer.json.
    pub fn from_bytes(json: &[u8]) -> Result<Self, TextError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(reason)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(reason)?;
        let config = serde_json::from_slice(json).map_err(|error| reason(error.into()))?;
        let cut = Cut::of(&config, &inner);
        let mut tokenizer = Self {
            inner,
            cut,
            special: None,
        };
        tokenizer.special = tokenizer.find_special();
        Ok(tokenizer)
    }

    /// Token ids, with the special tokens that the post-processor adds if `special`.
    ///
    /// The ids are those of one call of the library over the whole text. A long text is cut where that provably changes
    /// nothing, and a piece that was seen before is looked up: 12 MB take a second or two and hardly more memory than the
    /// ids. Where no such cut is known (see `segments`), it is one call, with about 100 bytes for each byte of text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        if text.len() < LONG_BYTES {
            return self.whole(text, special);
        }
        let (before, after): (&[u32], &[u32]) = match (special, &self.special) {
            (false, _) => (&[], &[]),
            (true, Some((before, after))) => (before, after),
            (true, None) => return self.whole(text, true),
        };
        let mut ids = before.to_vec();
        let mut memo = Memo::default();
        for segment in self.cut.segments(text) {
            memo.extend(segment, &mut ids, |segment| self.whole(segment, false))?;
        }
        ids.extend_from_slice(after);
        Ok(ids)
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

    /// Special tokens that the post-processor puts before and after a text, if it does no more than that.
    pub fn special(&self) -> Option<(&[u32], &[u32])> {
        let (before, after) = self.special.as_ref()?;
        Some((before, after))
    }

    /// Size of the vocabulary with added tokens.
    pub fn vocab(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// One call of the library.
    pub(crate) fn whole(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        let encoding = self.inner.encode_fast(text, special).map_err(reason)?;
        Ok(encoding.get_ids().to_vec())
    }

    fn find_special(&self) -> Option<(Vec<u32>, Vec<u32>)> {
        let (bare, with) = (self.whole("a", false).ok()?, self.whole("a", true).ok()?);
        if bare.is_empty() {
            return None;
        }
        let start = with.windows(bare.len()).position(|ids| ids == bare)?;
        let (before, rest) = with.split_at(start);
        Some((before.to_vec(), rest[bare.len()..].to_vec()))
    }
}

fn reason(error: tokenizers::Error) -> TextError {
    TextError {
        reason: error.to_string(),
    }
}
