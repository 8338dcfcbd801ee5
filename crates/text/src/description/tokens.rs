//! Which ids added tokens get: those of the vocabulary if it has them, others one after the other behind it. The rules are those
//! of the tokenizers library, which gets the same tokens in the same steps.

use super::FILE;
use crate::error::TextError;
use kerf_tensors::files::tokenizer::{AddedToken, NAMED, Special};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Ids above this are a fault of the file.
pub(crate) const MAX_ID: u64 = i32::MAX as u64;

/// Added tokens in steps, and the ids of all tokens.
pub(super) struct Batches {
    vocabulary: HashMap<String, u32>,
    size: u32,
    steps: Vec<Vec<AddedToken>>,
    ids: HashMap<String, u32>,
    added: HashMap<String, AddedToken>,
    highest: Option<u32>,
}

impl Batches {
    /// Over the vocabulary of a model. A model without a type, as older files have it, gets one.
    pub fn of(model: &mut Value) -> Result<Self, TextError> {
        infer_type(model);
        let bad = |reason: String| TextError::of(FILE, reason);
        let id = |token: &str, id: &Value| match id.as_u64().filter(|id| *id <= MAX_ID) {
            Some(id) => Ok((token.to_owned(), id as u32)),
            None => Err(bad(format!("model.vocab: token {token:?} has id {id}"))),
        };
        let (vocabulary, size) = match &model["vocab"] {
            Value::Object(tokens) => {
                let ids = tokens.iter().map(|(token, value)| id(token, value));
                (ids.collect::<Result<HashMap<_, _>, _>>()?, tokens.len())
            }
            Value::Array(tokens) => {
                let ids = tokens.iter().enumerate().map(|(index, token)| {
                    let text = token[0].as_str();
                    let text = text.ok_or_else(|| {
                        bad(format!("model.vocab[{index}] is no token with a score"))
                    })?;
                    Ok((text.to_owned(), index as u32))
                });
                (
                    ids.collect::<Result<HashMap<_, _>, TextError>>()?,
                    tokens.len(),
                )
            }
            _ => return Err(bad("model.vocab is missing".into())),
        };
        if vocabulary.is_empty() {
            return Err(bad("model.vocab is empty".into()));
        }
        Ok(Self {
            vocabulary,
            size: size as u32,
            steps: Vec::new(),
            ids: HashMap::new(),
            added: HashMap::new(),
            highest: None,
        })
    }

    /// The id of a token, if there is one.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).or(self.vocabulary.get(token)).copied()
    }

    /// One step.
    pub fn add(&mut self, tokens: Vec<AddedToken>) {
        let mut next = match self.highest {
            Some(highest) if highest >= self.size => highest + 1,
            _ => self.size,
        };
        let mut step = Vec::new();
        for token in tokens {
            if token.content.is_empty() || self.added.get(&token.content) == Some(&token) {
                continue;
            }
            let id = self.id(&token.content).unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            self.highest = self.highest.max(Some(id));
            self.ids.insert(token.content.clone(), id);
            self.added.insert(token.content.clone(), token.clone());
            step.push(token);
        }
        if !step.is_empty() {
            self.steps.push(step);
        }
    }

    /// The step in which transformers adds what the files say: added tokens, then the special tokens that are not among them.
    pub fn add_named(&mut self, added: Vec<AddedToken>, special: &Special, extra: &[AddedToken]) {
        let mut known: HashSet<String> = self.added.keys().cloned().collect();
        known.extend(added.iter().map(|token| token.content.clone()));
        let named: HashSet<&str> = special
            .iter()
            .filter_map(|(_, token)| Some(token.as_ref()?.content.as_str()))
            .collect();
        let missing = in_order(special)
            .chain(extra)
            .filter(|token| !known.contains(&token.content));
        let all = added.iter().chain(missing).map(|token| AddedToken {
            special: token.special || named.contains(token.content.as_str()),
            ..token.clone()
        });
        self.add(all.collect());
    }

    /// `added_tokens` as tokenizer.json writes them.
    pub fn json(&self) -> Value {
        let tokens = self.steps.iter().flatten();
        tokens
            .map(|token| token.to_json(self.ids[&token.content]))
            .collect()
    }

    /// The steps.
    pub fn into_steps(self) -> Vec<Vec<AddedToken>> {
        self.steps
    }
}

/// Named tokens: first those that every tokenizer may have.
fn in_order(special: &Special) -> impl Iterator<Item = &AddedToken> {
    let usual = NAMED
        .iter()
        .filter_map(|name| special.iter().find(|(other, _)| other == name));
    let others = special
        .iter()
        .filter(|(name, _)| !NAMED.contains(&name.as_str()));
    usual.chain(others).filter_map(|(_, token)| token.as_ref())
}

fn infer_type(model: &mut Value) {
    if !model["type"].is_null() {
        return;
    }
    let kind = if model["vocab"].is_array() {
        "Unigram"
    } else if !model["merges"].is_null() {
        "BPE"
    } else if !model["max_input_chars_per_word"].is_null() {
        "WordPiece"
    } else {
        "WordLevel"
    };
    if let Value::Object(fields) = model {
        fields.insert("type".into(), kind.into());
    }
}
