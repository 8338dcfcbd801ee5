//! Texts for an encoder, each by itself.

use super::{Draw, Drawn};
use crate::Error;
use crate::encoding::Encoding;
use crate::open_model::Runnable;
use crate::text_file::{Lines, Text, without_mark};
use kerf_compress::TextUse;
use kerf_compress::calibration::held_tokens;
use kerf_kernels::Compute;
use kerf_text::Tokenizer;
use std::sync::Arc;

/// Most bytes of one text of an encoder that are encoded, and of several together. The library takes about 100 bytes for each.
const LONGEST_TEXT_BYTES: usize = 256 << 10;

/// One text a line.
pub(super) fn from_text(
    mut text: Text,
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Drawn, Error> {
    let bytes = text.bytes();
    let mut texts = Texts::new(model, compute, draw, bytes)?;
    let mut lines = Lines::of(&mut text, LONGEST_TEXT_BYTES);
    while let Some(line) = lines.next()? {
        if !texts.add(&line.text, line.bytes)? {
            break;
        }
    }
    texts.finish()
}

/// Each text by itself, up to its first bytes if it is very long.
pub(super) fn from_texts(
    texts: &[String],
    model: &Runnable,
    compute: &Compute,
    draw: Draw,
) -> Result<Drawn, Error> {
    let texts = || texts.iter().map(|text| without_mark(text));
    let bytes: u64 = texts().map(|text| text.len() as u64).sum();
    let mut drawn = Texts::new(model, compute, draw, bytes)?;
    for text in texts() {
        let mut end = text.len().min(LONGEST_TEXT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if !drawn.add(&text[..end], text.len() as u64)? {
            break;
        }
    }
    drawn.finish()
}

/// Texts of an encoder, encoded some at a time until there are enough.
struct Texts<'a> {
    compute: &'a Compute,
    tokenizer: Arc<Tokenizer>,
    encoding: Encoding,
    most: usize,
    /// Not encoded yet: the text as far as it was kept, and the bytes of all of it.
    waiting: Vec<(String, u64)>,
    waiting_bytes: usize,
    drawn: Vec<Vec<u32>>,
    tokens: usize,
    /// Every tenth text is held out, until there are enough.
    held: Vec<Vec<u32>>,
    held_tokens: usize,
    seen: usize,
    full: bool,
    text: TextUse,
}

impl<'a> Texts<'a> {
    fn new(model: &Runnable, compute: &'a Compute, draw: Draw, bytes: u64) -> Result<Self, Error> {
        // Without a prompt: it would be the same text again and again.
        let encoding = Encoding::of(model);
        let tokenizer = encoding.tokenizer(&model.opened, "calibration")?;
        Ok(Self {
            compute,
            tokenizer,
            encoding,
            most: draw.tokens,
            waiting: Vec::new(),
            waiting_bytes: 0,
            drawn: Vec::new(),
            tokens: 0,
            held: Vec::new(),
            held_tokens: 0,
            seen: 0,
            full: false,
            text: TextUse {
                bytes,
                ..TextUse::default()
            },
        })
    }

    /// Takes a text, of which `text` is the beginning or all; returns whether more are wanted.
    fn add(&mut self, text: &str, bytes: u64) -> Result<bool, Error> {
        if !text.trim().is_empty() {
            self.waiting.push((text.into(), bytes));
            self.waiting_bytes += text.len();
            if self.waiting_bytes >= LONGEST_TEXT_BYTES {
                self.encode()?;
            }
        }
        Ok(!self.full)
    }

    /// In the order of the texts until the limit; the text that would cross it is left out, unless it is the first, which is cut.
    fn encode(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let texts: Vec<&str> = waiting.iter().map(|(text, _)| text.as_str()).collect();
        let (encoded, _) = self
            .encoding
            .encode(&self.tokenizer, self.compute, &texts)?;
        for ((text, bytes), mut ids) in waiting.iter().zip(encoded) {
            let is_full = self.tokens + ids.len() > self.most && !self.drawn.is_empty();
            self.full = self.full || is_full;
            if self.full || ids.is_empty() {
                continue;
            }
            self.seen += 1;
            if self.seen.is_multiple_of(10)
                && self.held_tokens + ids.len() <= held_tokens(self.most)
            {
                self.held_tokens += ids.len();
                self.held.push(ids);
                continue;
            }
            let longest = self.encoding.max_tokens.min(self.most);
            let is_cut = ids.len() >= longest || (text.len() as u64) < *bytes;
            ids.truncate(self.most);
            self.tokens += ids.len();
            self.text.cut += u64::from(is_cut && self.is_longer(text, *bytes, ids.len())?);
            self.text.used_bytes += text.len() as u64;
            self.drawn.push(ids);
        }
        Ok(())
    }

    /// Whether a text has more tokens than were taken of it.
    fn is_longer(&self, text: &str, bytes: u64, taken: usize) -> Result<bool, Error> {
        if (text.len() as u64) < bytes {
            return Ok(true);
        }
        let (_, cut) = self.tokenizer.encode_truncated(text, taken)?;
        Ok(cut)
    }

    fn finish(mut self) -> Result<Drawn, Error> {
        self.encode()?;
        self.text.tokens = self.tokens as u64;
        Ok(Drawn {
            sequences: self.drawn,
            held: self.held,
            text: Some(self.text),
            ..Drawn::default()
        })
    }
}
