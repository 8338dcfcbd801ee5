//! Typed access to the values of a file. It remembers which were read. A key that begins with a dot gets the name of the
//! architecture in front.

use crate::TensorsError;
use crate::files::Fact;
use crate::gguf::{Found, Metadata};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub(super) const AGAIN: &str =
    "convert the model again with a current llama.cpp, or use its safetensors";
pub(super) const ORIGINAL: &str = "use the original model (safetensors)";

/// Largest size that a key may have. The network checks sizes further.
const LARGEST: u64 = 1 << 31;

pub(super) struct Keys<'a> {
    path: &'a str,
    values: &'a Metadata,
    architecture: &'a str,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Keys<'a> {
    /// `GGUF_UNSUPPORTED` if the file does not name its architecture.
    pub fn new(path: &'a str, values: &'a Metadata) -> Result<Self, TensorsError> {
        const KEY: &str = "general.architecture";
        let mut keys = Self {
            path,
            values,
            architecture: "",
            read: RefCell::default(),
        };
        keys.architecture = match keys.text(KEY)? {
            Some(name) => name,
            None => return Err(keys.refuse(KEY, "the file does not say it", AGAIN)),
        };
        Ok(keys)
    }

    pub fn architecture(&self) -> &'a str {
        self.architecture
    }

    /// The error `GGUF_UNSUPPORTED`.
    pub fn refuse(
        &self,
        field: &str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> TensorsError {
        TensorsError::GgufUnsupported {
            path: self.path.to_owned(),
            field: self.full(field),
            reason: reason.into(),
            fix: fix.into(),
        }
    }

    fn full(&self, key: &str) -> String {
        match key.starts_with('.') {
            true => format!("{}{key}", self.architecture),
            false => key.to_owned(),
        }
    }

    pub fn get(&self, key: &str) -> Option<&'a Found> {
        let key = self.full(key);
        let found = self.values.get(&key);
        self.read.borrow_mut().insert(key);
        found
    }

    fn other(&self, key: &str, found: &Found, expected: &str) -> TensorsError {
        let reason = format!("it is {}, where {expected} is expected", found.told());
        self.refuse(key, reason, AGAIN)
    }

    /// A whole number, at least 0. A list gives a number if all of its elements are equal.
    pub fn whole(&self, key: &str) -> Result<Option<u64>, TensorsError> {
        let Some(found) = self.get(key) else {
            return Ok(None);
        };
        let one = match found {
            Found::Whole(value) => *value,
            Found::Wholes(values) => match values.split_first() {
                Some((first, rest)) if rest.iter().all(|other| other == first) => {
                    i128::from(*first)
                }
                _ => {
                    let reason =
                        "it differs between blocks, and kerf's networks have blocks of one shape";
                    return Err(self.refuse(key, reason, ORIGINAL));
                }
            },
            other => return Err(self.other(key, other, "a whole number")),
        };
        match u64::try_from(one).ok().filter(|value| *value <= LARGEST) {
            Some(value) => Ok(Some(value)),
            None => Err(self.other(key, found, "a number from 0 on")),
        }
    }

    /// A size that the file must have.
    pub fn size(&self, key: &str) -> Result<u64, TensorsError> {
        match self.whole(key)? {
            Some(size @ 1..) => Ok(size),
            Some(_) => Err(self.refuse(key, "it is 0", AGAIN)),
            None => Err(self.refuse(key, "the file does not say it", AGAIN)),
        }
    }

    /// A finite number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, TensorsError> {
        let Some(found) = self.get(key) else {
            return Ok(None);
        };
        let value = match found {
            Found::Float(value) => *value,
            Found::Whole(value) => *value as f64,
            other => return Err(self.other(key, other, "a number")),
        };
        match value.is_finite() {
            true => Ok(Some(value)),
            false => Err(self.other(key, found, "a finite number")),
        }
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, TensorsError> {
        match self.get(key) {
            None => Ok(None),
            Some(Found::Flag(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.other(key, other, "true or false")),
        }
    }

    pub fn text(&self, key: &str) -> Result<Option<&'a str>, TensorsError> {
        match self.get(key) {
            None => Ok(None),
            Some(Found::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.other(key, other, "a text")),
        }
    }

    pub fn texts(&self, key: &str) -> Result<Option<&'a [String]>, TensorsError> {
        match self.get(key) {
            None => Ok(None),
            Some(Found::Texts(texts)) => Ok(Some(texts)),
            Some(other) => Err(self.other(key, other, "a list of texts")),
        }
    }

    /// Checks the keys of the architecture that were not read. `GGUF_UNSUPPORTED` for a key that changes what the network
    /// computes, a note for a key that kerf does not know. A neutral value is ignored.
    pub fn unread(&self, file: &str) -> Result<Vec<Fact>, TensorsError> {
        let prefix = format!("{}.", self.architecture);
        let read = self.read.borrow();
        let mut facts = Vec::new();
        for (key, found) in self.values {
            let Some(own) = key.strip_prefix(&prefix).filter(|_| !read.contains(key)) else {
                continue;
            };
            if HARMLESS.contains(&own) || is_neutral(found) {
                continue;
            }
            if CHANGES.iter().any(|start| own.starts_with(start)) {
                let reason = format!(
                    "it is {}, and kerf's network of this architecture has nothing like it",
                    found.told()
                );
                return Err(self.refuse(key, reason, ORIGINAL));
            }
            let says = "kerf does not know this value and computes without it";
            facts.push(Fact::noted(file, key, found.told(), says));
        }
        Ok(facts)
    }
}

/// Whether a value is 0, false or empty.
fn is_neutral(found: &Found) -> bool {
    match found {
        Found::Whole(value) => *value == 0,
        Found::Float(value) => *value == 0.0,
        Found::Flag(value) => !value,
        Found::Text(text) => text.is_empty() || text == "none",
        _ => false,
    }
}

/// Keys that do not change what the architecture computes.
const HARMLESS: [&str; 5] = [
    "vocab_size",
    "tensor_data_layout",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "use_parallel_residual",
];

/// Prefixes of keys that change what the architecture computes, if the file has them.
const CHANGES: [&str; 16] = [
    "expert_",
    "attention.scale",
    "attention.clamp",
    "attention.max_alibi_bias",
    "attention.temperature",
    "attention.sliding_window",
    "attention.shared_kv",
    "attention.key_length_",
    "attention.q_lora",
    "attention.kv_lora",
    "residual_scale",
    "embedding_scale",
    "logit_scale",
    "rope.",
    "attn_logit_softcapping",
    "final_logit_softcapping",
];
