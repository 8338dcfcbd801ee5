//! Token ids of a text that comes a part at a time.

use crate::segments::Memo;
use crate::tokenizer::LONG_BYTES;
use crate::{TextError, Tokenizer};

/// Most bytes of a text that wait for a place where it may be cut: a call of the library takes about 100 bytes for each.
const MOST_BYTES: usize = 512 << 10;

/// Encodes a text as its parts come. The ids end to end are those of [`Tokenizer::encode`] over the whole text, as long as
/// [`IdStream::forced`] is 0. The memory does not depend on the length of the text.
pub struct IdStream<'a> {
    tokenizer: &'a Tokenizer,
    special: bool,
    /// What came and is not encoded.
    rest: String,
    /// Whether something was encoded.
    begun: bool,
    memo: Memo,
    forced: u64,
}

impl<'a> IdStream<'a> {
    /// `special`: with the special tokens that the post-processor adds before and after a text.
    pub fn new(tokenizer: &'a Tokenizer, special: bool) -> Self {
        Self {
            tokenizer,
            special,
            rest: String::new(),
            begun: false,
            memo: Memo::default(),
            forced: 0,
        }
    }

    /// Takes the next part of the text, which may end anywhere between two characters, and appends the ids that are certain.
    pub fn push(&mut self, part: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        self.rest.push_str(part);
        // A short text is one call; so is one whose post-processor does something else than to add tokens.
        let can_cut = !self.special || self.tokenizer.special().is_some();
        if can_cut
            && self.rest.len() >= LONG_BYTES
            && let Some(cut) = self.tokenizer.cut.last(&self.rest)
        {
            self.encode_before(cut, ids)?;
        }
        while self.rest.len() > MOST_BYTES {
            self.forced += 1;
            let cut = likely_cut(&self.rest[..floor(&self.rest, MOST_BYTES)]);
            self.encode_before((cut, cut), ids)?;
        }
        Ok(())
    }

    /// The ids of what is left.
    pub fn finish(&mut self, ids: &mut Vec<u32>) -> Result<(), TextError> {
        let rest = std::mem::take(&mut self.rest);
        if !self.begun && rest.len() < LONG_BYTES || self.tokenizer.special().is_none() {
            let special = self.special && !self.begun;
            ids.extend(self.tokenizer.whole(&rest, special)?);
        } else {
            self.begin(ids);
            self.encode(&rest, ids)?;
            if let (true, Some((_, after))) = (self.special, self.tokenizer.special()) {
                ids.extend_from_slice(after);
            }
        }
        self.begun = false;
        Ok(())
    }

    /// How often a text had to be cut where it is not known that this changes nothing: once in half a megabyte of a text without a
    /// known place, such as one without spaces, or one of a tokenizer that merges across them.
    pub fn forced(&self) -> u64 {
        self.forced
    }

    fn begin(&mut self, ids: &mut Vec<u32>) {
        if let (true, false, Some((before, _))) =
            (self.special, self.begun, self.tokenizer.special())
        {
            ids.extend_from_slice(before);
        }
        self.begun = true;
    }

    /// Encodes up to a cut, (end, start of the rest).
    fn encode_before(&mut self, cut: (usize, usize), ids: &mut Vec<u32>) -> Result<(), TextError> {
        self.begin(ids);
        let rest = self.rest.split_off(cut.1);
        let done = std::mem::replace(&mut self.rest, rest);
        self.encode(&done[..cut.0], ids)
    }

    fn encode(&mut self, text: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        for segment in self.tokenizer.cut.segments(text) {
            self.memo
                .extend(segment, ids, |segment| self.tokenizer.whole(segment, false))?;
        }
        Ok(())
    }
}

/// Where a text is cut if it must be: behind the last line end in its second half, or before the last white space, or at its end.
fn likely_cut(text: &str) -> usize {
    let half = floor(text, text.len() / 2);
    let second = &text[half..];
    let line = second.rfind('\n').map(|at| half + at + 1);
    let space = || second.rfind(char::is_whitespace).map(|at| half + at);
    line.or_else(space)
        .filter(|cut| *cut > 0)
        .unwrap_or(text.len())
}

/// The last boundary of a character at or before a byte.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../test/fixtures/stories260K/tokenizer.json"
        );
        Tokenizer::from_bytes(&std::fs::read(path).unwrap()).unwrap()
    }

    fn streamed(tokenizer: &Tokenizer, text: &str, part: usize, special: bool) -> (Vec<u32>, u64) {
        let (mut stream, mut ids) = (IdStream::new(tokenizer, special), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let end = (floor(rest, part)).max(rest.chars().next().map_or(0, char::len_utf8));
            stream.push(&rest[..end], &mut ids).unwrap();
            rest = &rest[end..];
        }
        stream.finish(&mut ids).unwrap();
        (ids, stream.forced())
    }

    #[test]
    fn the_ids_of_a_stream_are_those_of_one_call() {
        let tokenizer = tokenizer();
        let sentence = "Once upon a time, Lily saw 3 cats \u{e9}t\u{e9} and a dog. They  were\nhappy in it \u{1f600}. ";
        for repeats in [0, 1, 40, 80, 400] {
            let text: String = (0..repeats)
                .map(|n| format!("{sentence}{n} day "))
                .collect();
            for special in [false, true] {
                let whole = tokenizer.whole(&text, special).unwrap();
                assert_eq!(tokenizer.encode(&text, special).unwrap(), whole);
                for part in [1, 7, 1000, 5000, 1 << 20] {
                    let found = streamed(&tokenizer, &text, part, special);
                    assert_eq!(found, (whole.clone(), 0), "{repeats} {special} {part}");
                }
            }
        }
    }

    #[test]
    fn a_text_without_a_place_is_cut_where_it_must_be_and_says_so() {
        let tokenizer = tokenizer();
        let text = "12,345;\n".repeat(MOST_BYTES / 4);
        let (ids, forced) = streamed(&tokenizer, &text, 1 << 16, true);
        assert!((1..=8).contains(&forced), "{forced}");
        let decoded = tokenizer.decode(&ids).unwrap();
        assert_eq!(decoded.matches("345").count(), MOST_BYTES / 4);
    }

    #[test]
    fn a_forced_cut_prefers_lines_then_spaces() {
        assert_eq!(likely_cut("aa bb\ncc dd"), 6);
        assert_eq!(likely_cut("aaaa bb"), 4);
        assert_eq!(likely_cut("aaaa"), 4);
        assert_eq!(likely_cut("\u{e9}\u{e9}\u{e9}"), 6);
    }
}
