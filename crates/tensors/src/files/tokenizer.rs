//! tokenizer_config.json: what it says beside, or against, tokenizer.json.

use super::fact::Fact;
use super::fields::Fields;
use super::parse::not_finite_of;
use crate::TensorsError;
use serde_json::Value;

/// Name of the file.
pub const FILE: &str = "tokenizer_config.json";

/// Writers say "no limit" by numbers such as 1e30.
const NO_LIMIT: f64 = 1e12;

/// The side of a text that is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The end.
    #[default]
    Right,
    /// The start.
    Left,
}

/// Settings of a tokenizer beside tokenizer.json.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenizerSettings {
    /// Most tokens of a text, special tokens counted; `None` without a limit.
    pub max_length: Option<usize>,
    /// Which side of a longer text is cut off.
    pub truncation_side: Side,
    /// Text of the token that begins a text.
    pub bos_token: Option<String>,
    /// Text of the token that ends a text.
    pub eos_token: Option<String>,
    /// Text of the token that fills up.
    pub pad_token: Option<String>,
    /// Jinja template of a conversation.
    pub chat_template: Option<String>,
}

impl TokenizerSettings {
    /// Reads the file. `BAD_CONFIG` names the field.
    pub(super) fn read(value: &Value, _facts: &mut Vec<Fact>) -> Result<Self, TensorsError> {
        let fields = Fields::of(FILE, value)?;
        Ok(Self {
            max_length: max_length(&fields)?,
            truncation_side: side(&fields)?,
            bos_token: token(&fields, "bos_token")?,
            eos_token: token(&fields, "eos_token")?,
            pad_token: token(&fields, "pad_token")?,
            chat_template: fields
                .get("chat_template")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }
}

fn max_length(fields: &Fields<'_>) -> Result<Option<usize>, TensorsError> {
    let value = fields.get("model_max_length");
    if value.and_then(not_finite_of) == Some("Infinity") {
        return Ok(None);
    }
    let length = fields.number("model_max_length", 1.0..=f64::MAX)?;
    Ok(length
        .filter(|length| *length < NO_LIMIT)
        .map(|length| length as usize))
}

fn side(fields: &Fields<'_>) -> Result<Side, TensorsError> {
    match fields.text("truncation_side")? {
        None | Some("right") => Ok(Side::Right),
        Some("left") => Ok(Side::Left),
        Some(_) => Err(fields.bad("truncation_side", "left or right")),
    }
}

/// Text of a special token: a string, or an object with content.
fn token(fields: &Fields<'_>, field: &str) -> Result<Option<String>, TensorsError> {
    match fields.get(field) {
        None => Ok(None),
        Some(value) => match value.as_str().or_else(|| value["content"].as_str()) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(fields.bad(field, "a text, or an object with content")),
        },
    }
}
