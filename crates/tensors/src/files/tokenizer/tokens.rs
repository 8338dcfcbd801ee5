//! Added and special tokens in the files of a tokenizer.

use crate::TensorsError;
use crate::files::fields::{Fields, integer};
use serde_json::Value;

/// A token that is found in a text before the text is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedToken {
    /// Text of the token.
    pub content: String,
    /// Whether the token is found only between words.
    pub single_word: bool,
    /// Whether the token includes the white space before it.
    pub lstrip: bool,
    /// Whether the token includes the white space behind it.
    pub rstrip: bool,
    /// Whether the token is looked for in the normalized text.
    pub normalized: bool,
    /// Whether the token is left out when ids become text.
    pub special: bool,
}

/// Names of the special tokens that every tokenizer may have, in the order in which transformers adds them.
pub const NAMED: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

impl AddedToken {
    /// A special token whose other flags are off.
    pub fn special(content: &str) -> Self {
        Self {
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        }
    }

    /// Reads an object with `content`. An absent flag is false; an absent `normalized` is the opposite of `special`.
    fn of_object(value: &Value, special: Option<bool>) -> Option<Self> {
        let flag = |name: &str| match &value[name] {
            Value::Null => Some(None),
            flag => flag.as_bool().map(Some),
        };
        let special = special.or(flag("special")?).unwrap_or(false);
        Some(Self {
            content: value["content"].as_str()?.into(),
            single_word: flag("single_word")?.unwrap_or(false),
            lstrip: flag("lstrip")?.unwrap_or(false),
            rstrip: flag("rstrip")?.unwrap_or(false),
            normalized: flag("normalized")?.unwrap_or(!special),
            special,
        })
    }

    /// A token of `added_tokens` in tokenizer.json.
    pub fn of_json(value: &Value) -> Option<Self> {
        Self::of_object(value, None)
    }

    /// Reads a text or an object. `special` replaces the flag of that name, if it is given.
    fn of_value(value: &Value, special: Option<bool>) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::special(text)),
            value => Self::of_object(value, special),
        }
    }

    /// The token as an object of `added_tokens` in tokenizer.json.
    pub fn to_json(&self, id: u32) -> Value {
        serde_json::json!({
            "id": id,
            "content": self.content,
            "single_word": self.single_word,
            "lstrip": self.lstrip,
            "rstrip": self.rstrip,
            "normalized": self.normalized,
            "special": self.special,
        })
    }
}

/// Special tokens by name, in the order of the files. `None` means that a file says there is no such token.
pub type Special = Vec<(String, Option<AddedToken>)>;

/// Sets a special token. It replaces a token with the same name.
pub(super) fn set(special: &mut Special, name: &str, token: Option<AddedToken>) {
    match special.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = token,
        None => special.push((name.into(), token)),
    }
}

/// The special tokens in an object: those that every tokenizer may have, and other fields that end in `_token` and hold a text.
/// `map` says that the object is special_tokens_map.json, all of whose tokens are special.
pub(super) fn named(
    fields: &Fields<'_>,
    map: bool,
    special: &mut Special,
) -> Result<(), TensorsError> {
    let flag = map.then_some(true);
    for name in fields.names().filter(|name| name.ends_with("_token")) {
        let known = NAMED.contains(&name);
        match fields.raw(name) {
            Some(Value::Null) if known => set(special, name, None),
            Some(value) if known || value.is_string() => {
                let token = AddedToken::of_value(value, flag);
                let expected = "a text, or an object with content and flags";
                let token = token.ok_or_else(|| fields.bad(name, expected))?;
                set(special, name, Some(token));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Special tokens without a name. Their field has had two names; transformers uses the older one only if the newer one is absent.
#[derive(Default)]
pub(super) struct Extra {
    newer: Option<Vec<AddedToken>>,
    older: Option<Vec<AddedToken>>,
}

impl Extra {
    /// Reads tokenizer_config.json, where an empty list counts as absent. If the field is an object, its tokens have names and go
    /// to `special`.
    pub fn of_config(fields: &Fields<'_>, special: &mut Special) -> Result<Self, TensorsError> {
        let (named, newer) = more(fields, "extra_special_tokens", None, special)?;
        let (_, older) = more(fields, "additional_special_tokens", None, special)?;
        let has = newer.as_ref().is_some_and(|tokens| !tokens.is_empty());
        Ok(match (has || named, older) {
            (false, Some(older)) => Self {
                newer: Some(older),
                older: None,
            },
            (_, older) => Self { newer, older },
        })
    }

    /// Adds the tokens of special_tokens_map.json.
    pub fn add_map(
        &mut self,
        fields: &Fields<'_>,
        special: &mut Special,
    ) -> Result<(), TensorsError> {
        let (_, newer) = more(fields, "extra_special_tokens", Some(true), special)?;
        let all = self.newer.get_or_insert_default();
        match newer {
            Some(newer) => all.extend(newer),
            None if all.is_empty() => self.newer = None,
            None => {}
        }
        let (_, older) = more(fields, "additional_special_tokens", Some(true), special)?;
        self.older = older.or(self.older.take());
        Ok(())
    }

    /// The tokens under the newer name of the field.
    fn newer(&self) -> &[AddedToken] {
        self.newer.as_deref().unwrap_or_default()
    }

    /// The tokens of the name that transformers uses.
    pub fn into_tokens(self) -> Vec<AddedToken> {
        self.newer.or(self.older).unwrap_or_default()
    }
}

/// Reads a list of tokens. If the value is an object of tokens by name instead, they go to `special` and the result is true.
fn more(
    fields: &Fields<'_>,
    field: &str,
    flag: Option<bool>,
    special: &mut Special,
) -> Result<(bool, Option<Vec<AddedToken>>), TensorsError> {
    let bad = || fields.bad(field, "a list of tokens, or an object of tokens by name");
    let token = |value: &Value| AddedToken::of_value(value, flag).ok_or_else(bad);
    match fields.get(field) {
        None => Ok((false, None)),
        Some(Value::Array(values)) => {
            let tokens = values.iter().map(token).collect::<Result<_, _>>()?;
            Ok((false, Some(tokens)))
        }
        Some(Value::Object(values)) => {
            for (name, value) in values {
                set(special, name, Some(token(value)?));
            }
            Ok((!values.is_empty(), None))
        }
        _ => Err(bad()),
    }
}

/// `added_tokens_decoder`: tokens by their ids, in the order of the ids.
pub(super) fn decoder(fields: &Fields<'_>) -> Result<Option<Vec<AddedToken>>, TensorsError> {
    const FIELD: &str = "added_tokens_decoder";
    if fields.get(FIELD).is_none() {
        return Ok(None);
    }
    let inner = fields.object(FIELD)?;
    let mut tokens: Vec<(u32, AddedToken)> = Vec::new();
    for name in inner.names() {
        let id = name.trim().parse::<u32>();
        let token = inner.get(name).filter(|value| value.is_object());
        let token = token.and_then(|value| AddedToken::of_object(value, None));
        match (id, token) {
            (Ok(id), Some(token)) => tokens.push((id, token)),
            _ => return Err(inner.bad(name, "a token id, and an object with content and flags")),
        }
    }
    Ok(Some(in_order(tokens)))
}

/// added_tokens.json: ids by text.
pub(super) fn legacy(
    fields: &Fields<'_>,
    special: &Special,
    extra: &Extra,
) -> Result<Vec<(u32, AddedToken)>, TensorsError> {
    let mut tokens = Vec::new();
    for content in fields.names() {
        let id = fields.get(content).and_then(integer);
        let id = id.and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| fields.bad(content, "a token id"))?;
        let named = special
            .iter()
            .filter(|(name, _)| NAMED.contains(&name.as_str()));
        let mut known = named
            .filter_map(|(_, token)| token.as_ref())
            .chain(extra.newer())
            .map(|token| token.content.as_str());
        let special = known.any(|known| known == content);
        let token = AddedToken {
            special,
            normalized: !special,
            ..AddedToken::special(content)
        };
        tokens.push((id, token));
    }
    Ok(tokens)
}

/// Tokens in the order of their ids. If two have one id, the last one wins.
pub fn in_order(tokens: Vec<(u32, AddedToken)>) -> Vec<AddedToken> {
    let by_id: std::collections::BTreeMap<u32, AddedToken> = tokens.into_iter().collect();
    by_id.into_values().collect()
}
