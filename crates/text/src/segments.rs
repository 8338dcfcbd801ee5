//! Where a text may be cut so that the ids of the pieces, end to end, are those of the whole.
//!
//! Candidates are single spaces between two ASCII letters. Two families of tokenizers are known to allow them:
//!
//! * Those that split at white space before the model runs (BERT, byte-level with the patterns of GPT-2 and its
//!   successors): a word with the space before it is on its own anyway. The space stays with the second piece.
//! * BPE in the manner of SentencePiece, which turns spaces into a mark, puts one before the text, and merges across the
//!   whole text: a piece gets back the mark of the space that the cut took away. Nothing merges across the cut if no token
//!   holds that letter followed by the mark.
//!
//! Normalisers are accepted if they work character by character as far as an ASCII letter and a space are concerned, and
//! letters that begin or end an added token are avoided. Everything else is never cut.

use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use tokenizers::Tokenizer;

/// Patterns that end a piece between a letter and a space and look no further: GPT-4's, as LLaMA 3 and Qwen 2 have them.
const PATTERNS: [&str; 2] = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
];
const MARK: char = '\u{2581}';

/// How a tokenizer's text may be cut.
#[derive(Debug)]
pub(crate) struct Cut {
    /// Letters that may stand before the space; empty: never cut.
    before: BTreeSet<u8>,
    /// Letters that may stand behind it.
    behind: BTreeSet<u8>,
    /// Whether the space belongs to neither piece.
    drop_space: bool,
}

impl Cut {
    /// Reads the rule from tokenizer.json.
    pub fn of(config: &Value, tokenizer: &Tokenizer) -> Self {
        let mut before: BTreeSet<u8> = (b'a'..=b'z').chain(b'A'..=b'Z').collect();
        let mut behind = before.clone();
        let mut drop_space = false;
        if splits_at_space(config) {
            avoid_added_tokens(config, &mut before, &mut behind);
        } else if marks_spaces(config) {
            drop_space = true;
            avoid_added_tokens(config, &mut before, &mut behind);
            avoid_merges(tokenizer, &mut before);
        } else {
            before.clear();
        }
        Self {
            before,
            behind,
            drop_space,
        }
    }

    /// Pieces of a text.
    pub fn segments<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let mut start = 0;
        let mut done = false;
        let mut cuts = self.cuts(text).into_iter();
        std::iter::from_fn(move || {
            if done {
                return None;
            }
            let (end, next) = cuts.next().unwrap_or_else(|| {
                done = true;
                (text.len(), text.len())
            });
            let segment = &text[start..end];
            start = next;
            Some(segment)
        })
    }

    /// (end of a piece, start of the next) of every cut.
    fn cuts(&self, text: &str) -> Vec<(usize, usize)> {
        let places = text.as_bytes().windows(3).enumerate();
        let places = places.filter(|(_, window)| self.is_cut(window));
        places.map(|(index, _)| self.at(index)).collect()
    }

    /// The last cut.
    pub fn last(&self, text: &str) -> Option<(usize, usize)> {
        let mut places = text.as_bytes().windows(3).enumerate().rev();
        let place = places.find(|(_, window)| self.is_cut(window));
        place.map(|(index, _)| self.at(index))
    }

    /// Whether three bytes are a letter, a space and a letter between which a text may be cut. A cut looks no further, so it is the same
    /// whatever else of the text is known.
    fn is_cut(&self, window: &[u8]) -> bool {
        window[1] == b' ' && self.before.contains(&window[0]) && self.behind.contains(&window[2])
    }

    fn at(&self, index: usize) -> (usize, usize) {
        (index + 1, index + 1 + usize::from(self.drop_space))
    }
}

/// Ids of pieces that were seen before.
#[derive(Default)]
pub(crate) struct Memo {
    known: HashMap<Box<str>, Box<[u32]>>,
}

impl Memo {
    /// Longest piece that is worth remembering.
    const BYTES: usize = 64;
    /// Most pieces: bounds the memory to some 15 MB.
    const PIECES: usize = 1 << 17;

    /// Appends the ids of a piece.
    pub fn extend<E>(
        &mut self,
        piece: &str,
        ids: &mut Vec<u32>,
        encode: impl FnOnce(&str) -> Result<Vec<u32>, E>,
    ) -> Result<(), E> {
        if let Some(known) = self.known.get(piece) {
            ids.extend_from_slice(known);
            return Ok(());
        }
        let new = encode(piece)?;
        ids.extend_from_slice(&new);
        if piece.len() <= Self::BYTES && self.known.len() < Self::PIECES {
            self.known.insert(piece.into(), new.into());
        }
        Ok(())
    }
}

/// The components of a `Sequence`, or the one component; none for null.
fn components<'a>(part: &'a Value, list: &str) -> Vec<&'a Value> {
    match part {
        Value::Null => Vec::new(),
        part if kind(part) == "Sequence" => part[list].as_array().into_iter().flatten().collect(),
        part => vec![part],
    }
}

fn kind(part: &Value) -> &str {
    part["type"].as_str().unwrap_or("")
}

/// The first family.
fn splits_at_space(config: &Value) -> bool {
    const LOCAL: [&str; 7] = [
        "BertNormalizer",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Lowercase",
        "StripAccents",
    ];
    let mut normalizers = components(&config["normalizer"], "normalizers").into_iter();
    let local = normalizers.all(|part| LOCAL.contains(&kind(part)));
    let splits = components(&config["pre_tokenizer"], "pretokenizers");
    // What sets digits apart leaves letters and spaces alone.
    let digits = splits.iter().take_while(|part| kind(part) == "Digits");
    let splits = &splits[digits.count()..];
    let first = splits.first().is_some_and(|part| match kind(part) {
        "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit" => true,
        "ByteLevel" => part["use_regex"] != Value::Bool(false),
        "Split" => {
            let pattern = part["pattern"]["Regex"].as_str().unwrap_or("");
            part["behavior"] == "Isolated"
                && part["invert"] == Value::Bool(false)
                && PATTERNS.contains(&pattern)
        }
        _ => false,
    });
    // What follows sees the pieces that the first one made, each by itself.
    local && first && splits.len() <= 2 && config["model"]["dropout"].is_null()
}

/// The second family.
fn marks_spaces(config: &Value) -> bool {
    let model = &config["model"];
    let plain = ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]
        .iter()
        .all(|field| {
            matches!(model[*field].as_str(), None | Some("")) && !model[*field].is_number()
        });
    let normalizers = components(&config["normalizer"], "normalizers");
    let splits = components(&config["pre_tokenizer"], "pretokenizers");
    let mark = MARK.to_string();
    let by_normalizer = splits.is_empty()
        && matches!(normalizers.as_slice(), [prepend, replace]
            if kind(prepend) == "Prepend" && prepend["prepend"] == mark
            && kind(replace) == "Replace" && replace["pattern"]["String"] == " "
            && replace["content"] == mark);
    let by_split = normalizers.is_empty()
        && matches!(splits.as_slice(), [space]
            if kind(space) == "Metaspace" && space["replacement"] == mark
            && ["first", "always"].iter().any(|scheme| space["prepend_scheme"] == *scheme));
    let known = model["vocab"].get(&mark).is_some();
    kind(model) == "BPE" && plain && known && (by_normalizer || by_split)
}

/// An added token may swallow the white space beside it, or be one only between words: no cut where one could end or begin.
/// A token that holds a space forbids all cuts.
fn avoid_added_tokens(config: &Value, before: &mut BTreeSet<u8>, behind: &mut BTreeSet<u8>) {
    let tokens = config["added_tokens"].as_array().into_iter().flatten();
    for content in tokens.filter_map(|token| token["content"].as_str()) {
        if content.contains([' ', MARK]) {
            before.clear();
        }
        if let Some(letter) = content.bytes().next_back() {
            before.retain(|other| !other.eq_ignore_ascii_case(&letter));
        }
        if let Some(letter) = content.bytes().next() {
            behind.retain(|other| !other.eq_ignore_ascii_case(&letter));
        }
    }
}

/// No cut behind a letter that some token holds before a mark.
fn avoid_merges(tokenizer: &Tokenizer, before: &mut BTreeSet<u8>) {
    for token in tokenizer.get_vocab(true).keys() {
        for (place, _) in token.match_indices(MARK).filter(|(place, _)| *place > 0) {
            before.remove(&token.as_bytes()[place - 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> (Value, Tokenizer) {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../test/fixtures/stories260K/tokenizer.json"
        );
        let json = std::fs::read(path).unwrap();
        let tokenizer = Tokenizer::from_bytes(&json).unwrap();
        (serde_json::from_slice(&json).unwrap(), tokenizer)
    }

    fn segments<'t>(config: &Value, tokenizer: &Tokenizer, text: &'t str) -> Vec<&'t str> {
        Cut::of(config, tokenizer).segments(text).collect()
    }

    #[test]
    fn single_spaces_between_letters_are_cut_and_nothing_else() {
        let (config, tokenizer) = tokenizer();
        let text = " One day, the  cat\nsat 7 times on é mat";
        assert_eq!(
            segments(&config, &tokenizer, text),
            [" One", "day, the  cat\nsat 7 times", "on é mat"]
        );
        assert_eq!(segments(&config, &tokenizer, ""), [""]);
    }

    #[test]
    fn a_byte_level_tokenizer_keeps_the_space_with_the_second_piece() {
        let (mut config, tokenizer) = tokenizer();
        config["normalizer"] = Value::Null;
        config["pre_tokenizer"] = serde_json::json!({"type": "ByteLevel", "use_regex": true});
        assert_eq!(segments(&config, &tokenizer, "a b c"), ["a", " b", " c"]);
        let digits = serde_json::json!({"type": "Digits", "individual_digits": true});
        let bytes = config["pre_tokenizer"].clone();
        config["pre_tokenizer"] =
            serde_json::json!({"type": "Sequence", "pretokenizers": [digits, bytes]});
        assert_eq!(segments(&config, &tokenizer, "a b c"), ["a", " b", " c"]);
        config["normalizer"] = serde_json::json!({"type": "Replace"});
        assert_eq!(segments(&config, &tokenizer, "a b c"), ["a b c"]);
    }

    #[test]
    fn letters_of_added_tokens_are_avoided() {
        let (mut config, tokenizer) = tokenizer();
        config["added_tokens"] = serde_json::json!([{"content": "Cat"}]);
        assert_eq!(
            segments(&config, &tokenizer, "a cab at big cot"),
            ["a cab", "at big cot"]
        );
        config["added_tokens"] = serde_json::json!([{"content": "a b"}]);
        assert_eq!(segments(&config, &tokenizer, "x y z"), ["x y z"]);
    }
}
