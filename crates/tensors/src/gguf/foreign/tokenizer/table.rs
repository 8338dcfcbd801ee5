//! The tokens of a file: texts, kinds and the ids of special ones.

use super::super::Model;
use super::super::architectures::Config;
use super::super::keys::AGAIN;
use crate::TensorsError;
use crate::gguf::Found;
use serde_json::{Value, json};
use std::collections::HashMap;

const TOKENS: &str = "tokenizer.ggml.tokens";
const KINDS: &str = "tokenizer.ggml.token_type";

/// Most bytes of a token. Every way to cut a token in two is tried, and a damaged file may have a token of megabytes.
const LONGEST: usize = 1 << 10;

/// Special tokens: their names in transformers and their keys.
const SPECIAL: [(&str, &str); 7] = [
    ("bos_token", "tokenizer.ggml.bos_token_id"),
    ("eos_token", "tokenizer.ggml.eos_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("sep_token", "tokenizer.ggml.seperator_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("cls_token", "tokenizer.ggml.cls_token_id"),
    ("mask_token", "tokenizer.ggml.mask_token_id"),
];

/// Numbers of the kinds of tokens.
pub(super) mod kinds {
    pub const NORMAL: i64 = 1;
    pub const UNKNOWN: i64 = 2;
    pub const CONTROL: i64 = 3;
    pub const USER_DEFINED: i64 = 4;
    pub const BYTE: i64 = 6;
}

pub(super) struct Table<'a> {
    pub tokens: &'a [String],
    /// Kind of each token. In a file without kinds, all tokens are normal.
    pub kinds: Vec<i64>,
    pub ids: HashMap<&'a str, u32>,
    special: Vec<(&'static str, u32)>,
}

impl<'a> Table<'a> {
    /// `GGUF_UNSUPPORTED` if two tokens are equal, if there are more tokens than rows of the embedding, or if a special token
    /// does not exist.
    pub fn read(model: &Model<'a>, config: &Config) -> Result<Self, TensorsError> {
        let keys = &model.keys;
        let Some(tokens) = keys.texts(TOKENS)? else {
            return Err(keys.refuse(TOKENS, "the file does not say them", AGAIN));
        };
        let rows = config["vocab_size"].as_u64().unwrap_or(0);
        if tokens.len() as u64 > rows || tokens.is_empty() {
            let reason = format!(
                "it has {} tokens, and the embedding {rows} rows",
                tokens.len()
            );
            return Err(keys.refuse(TOKENS, reason, AGAIN));
        }
        let kinds = match keys.get(KINDS) {
            None => vec![kinds::NORMAL; tokens.len()],
            Some(Found::Wholes(kinds)) if kinds.len() == tokens.len() => kinds.clone(),
            Some(other) => {
                let reason = format!("it is {}, for {} tokens", other.told(), tokens.len());
                return Err(keys.refuse(KINDS, reason, AGAIN));
            }
        };
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in tokens.iter().enumerate() {
            if token.len() > LONGEST {
                let reason = format!("token {id} has {} bytes", token.len());
                return Err(keys.refuse(TOKENS, reason, AGAIN));
            }
            if let Some(before) = ids.insert(token.as_str(), id as u32) {
                let reason = format!("tokens {before} and {id} are both {token:?}");
                return Err(keys.refuse(TOKENS, reason, AGAIN));
            }
        }
        let mut special = Vec::new();
        for (name, key) in SPECIAL {
            match keys.whole(key)? {
                None => {}
                Some(id) if id < tokens.len() as u64 => special.push((name, id as u32)),
                Some(id) => {
                    let reason = format!("it is {id}, of {} tokens", tokens.len());
                    return Err(keys.refuse(key, reason, AGAIN));
                }
            }
        }
        Ok(Self {
            tokens,
            kinds,
            ids,
            special,
        })
    }

    /// Id of the special token with a name.
    pub fn special(&self, name: &str) -> Option<u32> {
        let found = self.special.iter().find(|(own, _)| *own == name);
        found.map(|(_, id)| *id)
    }

    /// Names and ids of special tokens.
    pub fn specials(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.special.iter().copied()
    }

    /// Text of a token. The id must exist.
    pub fn text(&self, id: u32) -> &'a str {
        &self.tokens[id as usize]
    }

    /// `added_tokens` of tokenizer.json: the tokens that are found in a text before it is split.
    pub fn added(&self) -> Value {
        let named = |id: usize| self.special.iter().any(|(_, own)| *own as usize == id);
        let added = self.kinds.iter().enumerate().filter_map(|(id, kind)| {
            let special = match *kind {
                kinds::CONTROL | kinds::UNKNOWN => true,
                kinds::USER_DEFINED => false,
                _ if named(id) => true,
                _ => return None,
            };
            let content = &self.tokens[id];
            (!content.is_empty()).then(|| {
                json!({
                    "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                    "special": special,
                })
            })
        });
        added.collect()
    }

    /// Ids by text, in the order of the ids.
    pub fn vocabulary(&self) -> Value {
        let tokens = self.tokens.iter().enumerate();
        let ids = tokens.map(|(id, token)| (token.clone(), json!(id)));
        Value::Object(ids.collect())
    }
}
