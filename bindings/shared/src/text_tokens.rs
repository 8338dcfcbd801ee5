//! Token ids of a text, made as they are needed.

use crate::Error;
use crate::text_file::Text;
use kerf_compress::TextUse;
use kerf_model::evaluate::Tokens;
use kerf_text::{IdStream, Tokenizer};

/// A text on its way to token ids, with the special tokens before and after it. Its memory does not depend on its length.
pub struct TextTokens<'a> {
    text: Text,
    stream: IdStream<'a>,
    ended: bool,
    /// Ids so far.
    tokens: u64,
}

impl<'a> TextTokens<'a> {
    /// From the start of the text.
    pub fn of(text: Text, tokenizer: &'a Tokenizer) -> Self {
        Self {
            text,
            stream: IdStream::new(tokenizer, true),
            ended: false,
            tokens: 0,
        }
    }

    /// All ids.
    pub fn all(&mut self) -> Result<Vec<u32>, Error> {
        let mut ids = Vec::new();
        while self.more(&mut ids)? {}
        Ok(ids)
    }

    /// How much of the text `used` of its tokens are, once all were seen.
    pub fn use_of(&self, used: u64) -> TextUse {
        let bytes = self.text.bytes();
        let share = used as f64 / self.tokens.max(1) as f64;
        TextUse {
            bytes,
            used_bytes: ((bytes as f64 * share).round() as u64).min(bytes),
            tokens: used,
            cut: 0,
        }
    }

    /// Ids so far.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What a user should know of the ids.
    pub fn note(&self) -> Option<String> {
        forced_note(self.stream.forced())
    }
}

/// A note on places at which a text had to be cut.
pub fn forced_note(places: u64) -> Option<String> {
    (places > 0).then(|| {
        format!(
            "the text was cut at {places} places where the tokenizer might have joined what stands around them: it has no single space between two letters for half a megabyte, or kerf knows no safe place for this tokenizer"
        )
    })
}

impl Tokens for TextTokens<'_> {
    type Error = Error;

    fn more(&mut self, ids: &mut Vec<u32>) -> Result<bool, Error> {
        let before = ids.len();
        while !self.ended && ids.len() == before {
            match self.text.part()? {
                Some(part) => self.stream.push(&part, ids)?,
                None => {
                    self.stream.finish(ids)?;
                    self.ended = true;
                }
            }
        }
        self.tokens += (ids.len() - before) as u64;
        Ok(ids.len() > before)
    }

    fn expected(&self, seen: u64) -> u64 {
        match self.text.done() {
            0 => seen,
            done => (seen as f64 * self.text.bytes() as f64 / done as f64) as u64,
        }
    }
}
