//! A tokenizer as a table of tokens, for readers that do not know tokenizer.json (llama.cpp).
//!
//! Two kinds have such a table: BPE over characters with bytes as a fallback (SentencePiece's way), where a reader joins the pair
//! that makes the token of the highest score, so that scores are the order of merges; and BPE over bytes, where the merges
//! themselves are given and a named rule cuts the text.

use crate::description::{Description, FILE};
use crate::error::TextError;
use kerf_tensors::files::tokenizer::patterns::{LLAMA3, QWEN2};
use serde_json::Value;
use std::collections::HashMap;

/// How a reader cuts text into tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Cutting {
    /// Characters joined by scores; unknown ones are bytes.
    Scores {
        /// Whether a space is put before a text.
        add_space_prefix: bool,
    },
    /// Bytes joined by merges, after a rule of that name.
    Merges {
        /// llama.cpp's name of the rule.
        rule: &'static str,
        /// Pairs in the order in which they are joined, a space between.
        merges: Vec<String>,
    },
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A piece of text.
    Normal,
    /// What stands for everything unknown.
    Unknown,
    /// Never part of a text.
    Control,
    /// Found in a text before it is cut.
    UserDefined,
    /// No token has this id.
    Unused,
    /// A byte.
    Byte,
}

/// All tokens, by id, and how text becomes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// How text is cut.
    pub cutting: Cutting,
    /// Text of each token.
    pub tokens: Vec<String>,
    /// Score of each token; 0 where nothing is scored.
    pub scores: Vec<f32>,
    /// Kind of each token.
    pub kinds: Vec<TokenKind>,
    /// Token before a text.
    pub bos: Option<u32>,
    /// Token after a text.
    pub eos: Option<u32>,
    /// Token for what is unknown.
    pub unknown: Option<u32>,
    /// Token that fills up.
    pub pad: Option<u32>,
    /// Whether `bos` is put before every text.
    pub add_bos: bool,
    /// Whether `eos` is put after every text.
    pub add_eos: bool,
}

impl Vocabulary {
    /// Of a tokenizer and the number of rows of the embedding. The error says what kind of tokenizer has no such table.
    /// `special`: ids that the post-processor puts before and after a text.
    pub fn of(
        description: &Description,
        rows: usize,
        special: (&[u32], &[u32]),
    ) -> Result<Self, TextError> {
        let json = &description.json;
        let model = &json["model"];
        if model["type"] != "BPE" {
            return Err(bad(format!(
                "a tokenizer of type {} has no form in GGUF here (BPE has)",
                model["type"]
            )));
        }
        let vocab = model["vocab"]
            .as_object()
            .ok_or_else(|| bad("it has no vocab"))?;
        let merges = merges(model)?;
        let mut table = Table::new(rows);
        for (token, id) in vocab {
            table.set(token, id, TokenKind::Normal)?;
        }
        let by_bytes = model["byte_fallback"] == true;
        if by_bytes {
            table.mark_bytes();
        }
        for added in json["added_tokens"].as_array().into_iter().flatten() {
            let content = added["content"].as_str().unwrap_or_default();
            let kind = match added["special"] == true {
                true => TokenKind::Control,
                false => TokenKind::UserDefined,
            };
            table.set(content, &added["id"], kind)?;
        }
        let unknown = model["unk_token"]
            .as_str()
            .and_then(|token| table.id(token));
        if let Some(id) = unknown {
            table.kinds[id as usize] = TokenKind::Unknown;
        }
        let find = |name: &str| description.special(name).and_then(|token| table.id(token));
        let bos = find("bos_token").or(special.0.first().copied());
        let eos = find("eos_token").or(special.1.last().copied());
        let (add_bos, add_eos) = (added(special.0, bos)?, added(special.1, eos)?);
        let pad = find("pad_token");
        let scores = match by_bytes {
            true => table.scores(&merges),
            false => vec![0.0; rows],
        };
        Ok(Self {
            cutting: match by_bytes {
                true => Cutting::Scores {
                    add_space_prefix: prefixes(json)?,
                },
                false => Cutting::Merges {
                    rule: rule(json)?,
                    merges: merges.iter().map(|(a, b)| format!("{a} {b}")).collect(),
                },
            },
            tokens: table.tokens,
            kinds: table.kinds,
            scores,
            bos,
            eos,
            unknown,
            pad,
            add_bos,
            add_eos,
        })
    }
}

fn bad(reason: impl Into<String>) -> TextError {
    TextError::of(FILE, reason)
}

/// Whether the post-processor adds that token, and no other.
fn added(special: &[u32], token: Option<u32>) -> Result<bool, TextError> {
    match special {
        [] => Ok(false),
        [one] if Some(*one) == token => Ok(true),
        _ => Err(bad(
            "it puts tokens around a text that GGUF has no place for",
        )),
    }
}

fn merges(model: &Value) -> Result<Vec<(String, String)>, TextError> {
    let merges = model["merges"]
        .as_array()
        .ok_or_else(|| bad("it has no merges"))?;
    let pair = |merge: &Value| match merge {
        Value::String(text) => text
            .split_once(' ')
            .map(|(a, b)| (a.to_owned(), b.to_owned())),
        Value::Array(pair) => match &pair[..] {
            [a, b] => Some((a.as_str()?.to_owned(), b.as_str()?.to_owned())),
            _ => None,
        },
        _ => None,
    };
    let pairs = merges
        .iter()
        .map(|merge| pair(merge).ok_or_else(|| bad("a merge is no pair")));
    pairs.collect()
}

/// Tokens by id.
struct Table {
    tokens: Vec<String>,
    kinds: Vec<TokenKind>,
    ids: HashMap<String, u32>,
}

impl Table {
    /// Rows of the embedding that are no token get a name that is in no text.
    fn new(rows: usize) -> Self {
        Self {
            tokens: (0..rows).map(|id| format!("[PAD{id}]")).collect(),
            kinds: vec![TokenKind::Unused; rows],
            ids: HashMap::new(),
        }
    }

    fn set(&mut self, token: &str, id: &Value, kind: TokenKind) -> Result<(), TextError> {
        let rows = self.tokens.len();
        let place = id.as_u64().filter(|id| *id < rows as u64);
        let id = place.ok_or_else(|| {
            bad(format!(
                "token {token:?} has id {id}, the embedding {rows} rows"
            ))
        })?;
        self.tokens[id as usize] = token.to_owned();
        self.kinds[id as usize] = kind;
        self.ids.insert(token.to_owned(), id as u32);
        Ok(())
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// `<0x00>` to `<0xFF>`.
    fn mark_bytes(&mut self) {
        for byte in 0..=255u8 {
            if let Some(id) = self.id(&format!("<0x{byte:02X}>")) {
                self.kinds[id as usize] = TokenKind::Byte;
            }
        }
    }

    /// The earlier a token is made by a merge, the higher its score; what no merge makes is never joined.
    fn scores(&self, merges: &[(String, String)]) -> Vec<f32> {
        let mut scores = vec![0.0; self.tokens.len()];
        let mut made = 0;
        let mut is_made = vec![false; self.tokens.len()];
        for (a, b) in merges {
            let id = self.id(&format!("{a}{b}")).map(|id| id as usize);
            if let Some(id) = id.filter(|id| !is_made[*id]) {
                is_made[id] = true;
                made += 1;
                scores[id] = -(made as f32);
            }
        }
        let normal = |id: &usize| self.kinds[*id] == TokenKind::Normal && !is_made[*id];
        for id in (0..scores.len()).filter(normal) {
            scores[id] = -1e9;
        }
        scores
    }
}

/// Whether the normalizer puts a space before a text. Others than those of SentencePiece's converters are refused.
fn prefixes(json: &Value) -> Result<bool, TextError> {
    let mut steps: Vec<&Value> = Vec::new();
    let normalizer = &json["normalizer"];
    match normalizer["type"].as_str() {
        None => {}
        Some("Sequence") => {
            steps.extend(normalizer["normalizers"].as_array().into_iter().flatten())
        }
        Some(_) => steps.push(normalizer),
    }
    let pre = &json["pre_tokenizer"];
    let mut prefixed = match pre["type"].as_str() {
        None => false,
        Some("Metaspace") => pre["prepend_scheme"] != "never",
        // Gemma cuts at spaces that its normalizer has already replaced.
        Some("Split") if pre["pattern"]["String"] == " " => false,
        Some(other) => {
            return Err(bad(format!(
                "pre-tokenizer {other} has no form in GGUF here"
            )));
        }
    };
    for step in steps {
        match step["type"].as_str() {
            Some("Prepend") => prefixed = true,
            Some("Replace") if step["content"] == "\u{2581}" => {}
            other => {
                return Err(bad(format!(
                    "normalizer {other:?} has no form in GGUF here"
                )));
            }
        }
    }
    Ok(prefixed)
}

/// llama.cpp's name of the rule that cuts a text before bytes are joined.
fn rule(json: &Value) -> Result<&'static str, TextError> {
    let pre = &json["pre_tokenizer"];
    let steps: Vec<&Value> = match pre["type"].as_str() {
        Some("Sequence") => pre["pretokenizers"]
            .as_array()
            .into_iter()
            .flatten()
            .collect(),
        _ => vec![pre],
    };
    let normalizer = json["normalizer"]["type"].as_str();
    let kinds: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["type"].as_str())
        .collect();
    let pattern = steps
        .first()
        .and_then(|step| step["pattern"]["Regex"].as_str());
    let last = steps.last().map_or(&Value::Null, |step| *step);
    let plain = last["add_prefix_space"] != true;
    match (&kinds[..], pattern, normalizer) {
        (["ByteLevel"], _, None) if plain && last["use_regex"] != false => Ok("gpt-2"),
        (["Digits", "ByteLevel"], _, None) if plain && steps[0]["individual_digits"] == true => {
            Ok("smollm")
        }
        (["Split", "ByteLevel"], Some(LLAMA3), None) if plain => Ok("llama-bpe"),
        (["Split", "ByteLevel"], Some(QWEN2), None | Some("NFC")) if plain => Ok("qwen2"),
        _ => {
            let pattern: String = pattern.unwrap_or_default().chars().take(60).collect();
            let kinds = kinds.join(", ");
            Err(bad(format!(
                "pre-tokenizer {kinds} {pattern} has no name in GGUF here"
            )))
        }
    }
}
