//! A tokenizer that runs.

use crate::description::{Description, FILE, TokenizerFiles};
use crate::error::TextError;
use crate::lowercase::lowercase_first;
use crate::segments::{Cut, Memo};
use kerf_tensors::files::tokenizer::{Side, TokenizerSettings};
use serde::Deserialize;
use serde_json::json;

/// Texts shorter than this are encoded in one call.
pub(crate) const LONG_BYTES: usize = 4096;

/// A tokenizer, built from a [`Description`]. Padding is never done, cutting only where it is asked for.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    pub(crate) cut: Cut,
    side: Side,
    clean_up: bool,
    /// Special tokens that the post-processor puts before and after a text; `None` if it does something else.
    special: Option<(Vec<u32>, Vec<u32>)>,
}

impl Tokenizer {
    /// Builds what is described.
    pub fn new(description: Description) -> Result<Self, TextError> {
        Ok(Self::with(description)?.0)
    }

    /// Builds what is described, and gives the description back.
    pub fn with(mut description: Description) -> Result<(Self, Description), TextError> {
        // The library adds all tokens of a file at once; here they come in the steps that transformers makes.
        let listed = std::mem::replace(&mut description.json["added_tokens"], json!([]));
        let built = tokenizers::Tokenizer::deserialize(&description.json);
        let mut inner = built.map_err(|error| TextError::of(FILE, error.to_string()))?;
        description.json["added_tokens"] = listed;
        for step in &description.added {
            let tokens = step.iter().map(|token| tokenizers::AddedToken {
                content: token.content.clone(),
                single_word: token.single_word,
                lstrip: token.lstrip,
                rstrip: token.rstrip,
                normalized: token.normalized,
                special: token.special,
            });
            inner.add_tokens(tokens).map_err(reason)?;
        }
        inner.set_encode_special_tokens(description.split_special);
        let cut = Cut::of(&description.json, &inner);
        let mut tokenizer = Self {
            inner,
            cut,
            side: description.side,
            clean_up: description.clean_up,
            special: None,
        };
        tokenizer.special = tokenizer.find_special();
        Ok((tokenizer, description))
    }

    /// Of tokenizer.json alone, without the small files that go with it.
    pub fn from_bytes(json: &[u8]) -> Result<Self, TextError> {
        let files = TokenizerFiles {
            json: Some(json.to_vec()),
            ..TokenizerFiles::default()
        };
        Self::new(Description::of(&files, &TokenizerSettings::default())?)
    }

    /// The same tokenizer, which cuts off that side of a text that is too long.
    pub fn cutting_off(self, side: Side) -> Self {
        Self { side, ..self }
    }

    /// The same tokenizer, which lowercases a text before everything else. Each letter by itself, as sentence-transformers 6 does it:
    /// a sigma at the end of a word becomes σ. Added tokens that are matched as they are written stay what they are.
    pub fn lowercased(mut self) -> Result<Self, TextError> {
        let Some(normalizer) = lowercase_first(self.inner.get_normalizer()) else {
            return Ok(self);
        };
        self.inner
            .with_normalizer(Some(normalizer))
            .map_err(reason)?;
        let config = serde_json::to_value(&self.inner).map_err(|error| reason(error.into()))?;
        self.cut = Cut::of(&config, &self.inner);
        self.special = self.find_special();
        Ok(self)
    }

    /// Whether an id is that of a special token, such as `[SEP]`.
    pub fn is_special(&self, id: u32) -> bool {
        let added = self.inner.get_added_tokens_decoder();
        added.get(&id).is_some_and(|token| token.special)
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

    /// Token ids with special tokens, at most `max` of them, and whether something was cut. Text is cut at the end, or at the
    /// start if the files say so; the special tokens around it stay: of `[CLS] a b c [SEP]`, four tokens are `[CLS] a b [SEP]`.
    pub fn encode_truncated(&self, text: &str, max: usize) -> Result<(Vec<u32>, bool), TextError> {
        let encoding = self.inner.encode_fast(text, true).map_err(reason)?;
        let ids = encoding.get_ids();
        if ids.len() <= max {
            return Ok((ids.to_vec(), false));
        }
        let mask = encoding.get_special_tokens_mask();
        let texts = mask.iter().filter(|special| **special == 0).count();
        let keep = max.saturating_sub(ids.len() - texts);
        let first = match self.side {
            Side::Right => 0,
            Side::Left => texts - keep,
        };
        let mut place = 0;
        let kept = ids.iter().zip(mask).filter(|(_, special)| {
            let is_text = **special == 0;
            place += usize::from(is_text);
            !is_text || (first..first + keep).contains(&(place - 1))
        });
        let mut kept: Vec<u32> = kept.map(|(id, _)| *id).collect();
        kept.truncate(max);
        Ok((kept, true))
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TextError> {
        // A decoder of the library subtracts 1 from the number of tokens.
        if !ids.iter().any(|id| self.has_text(*id)) {
            return Ok(String::new());
        }
        let text = self.inner.decode(ids, true).map_err(reason)?;
        Ok(match self.clean_up {
            true => clean_up(text),
            false => text,
        })
    }

    /// The id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
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

    /// The library's tokenizer.
    pub(crate) fn library(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    /// The side of a text that is cut off where it is too long.
    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// One call of the library.
    pub(crate) fn whole(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        let encoding = self.inner.encode_fast(text, special).map_err(reason)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Whether an id is a token that is not left out of a text.
    fn has_text(&self, id: u32) -> bool {
        let token = self.inner.id_to_token(id);
        token.is_some_and(|token| !self.inner.get_added_vocabulary().is_special_token(&token))
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

/// Takes out the spaces that transformers takes out for `clean_up_tokenization_spaces`.
fn clean_up(text: String) -> String {
    const PAIRS: [(&str, &str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    let pairs = PAIRS.into_iter();
    pairs.fold(text, |text, (from, to)| text.replace(from, to))
}

pub(crate) fn reason(error: tokenizers::Error) -> TextError {
    TextError::of(FILE, error.to_string())
}
