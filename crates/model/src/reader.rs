//! Typed access to config.json, with errors that name the field.

use crate::ModelError;
use crate::arch::Fixed;
use kerf_tensors::files::fields::integer;
use kerf_tensors::files::parse::not_finite_of;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Typed access to the fields of config.json, which remembers which were read. A field that is null counts as absent.
pub(crate) struct Reader<'a> {
    config: &'a Value,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Reader<'a> {
    /// Over an object; anything else counts as an object without fields.
    pub fn new(config: &'a Value) -> Self {
        Self {
            config,
            read: RefCell::default(),
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.stored(field).filter(|value| !value.is_null())
    }

    /// The value of a field, null included.
    pub fn stored(&self, field: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(field.to_string());
        self.config.get(field)
    }

    /// Names and values of the fields that nobody has read.
    pub fn unread(&self) -> Vec<(&'a str, &'a Value)> {
        let read = self.read.borrow();
        let all = self.config.as_object().into_iter().flatten();
        all.filter(|(name, value)| !read.contains(*name) && !value.is_null())
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    }

    /// An error about a field, with what it holds.
    pub fn bad(&self, field: &str, expected: impl Into<String>) -> ModelError {
        let actual = match self.config.get(field) {
            Some(value) => match not_finite_of(value) {
                Some(number) => number.to_string(),
                None => shortened(value),
            },
            None => "nothing".to_string(),
        };
        ModelError::BadConfig {
            field: field.to_string(),
            expected: expected.into(),
            actual,
        }
    }

    /// A number of things, from 1 to `limit`.
    pub fn size(&self, field: &str, limit: usize) -> Result<usize, ModelError> {
        let value = self.get(field).and_then(integer);
        match value {
            Some(value) if value >= 1 && value <= limit as u64 => Ok(value as usize),
            _ => Err(self.bad(field, format!("an integer from 1 to {limit}"))),
        }
    }

    /// [`Reader::size`] with a default for an absent field.
    pub fn size_or(&self, field: &str, limit: usize, default: usize) -> Result<usize, ModelError> {
        match self.get(field) {
            Some(_) => self.size(field, limit),
            None => Ok(default),
        }
    }

    /// A number in a range.
    pub fn number(
        &self,
        field: &str,
        default: Option<f64>,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64, ModelError> {
        let value = match self.get(field) {
            Some(value) => value.as_f64(),
            None => default,
        };
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.bad(field, format!("a number from {low:e} to {high:e}"))
        })
    }

    /// True, false or absent.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, ModelError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.bad(field, "true or false")),
        }
    }

    /// A text or absent.
    pub fn text(&self, field: &str) -> Result<Option<&'a str>, ModelError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(self.bad(field, "a text")),
        }
    }

    /// `BAD_CONFIG` if the field is there and holds something else.
    pub fn fixed(&self, field: &str, fixed: Fixed) -> Result<(), ModelError> {
        let Some(value) = self.get(field) else {
            return Ok(());
        };
        let (same, expected) = match fixed {
            Fixed::Text(text) => (value.as_str() == Some(text), text.to_string()),
            Fixed::OneOf(texts) => (
                value.as_str().is_some_and(|value| texts.contains(&value)),
                texts.join(" or "),
            ),
            Fixed::Flag(flag) => (value.as_bool() == Some(flag), flag.to_string()),
            Fixed::Number(number) => (integer(value) == Some(number), number.to_string()),
            Fixed::SameAs(other) => (
                self.get(other).is_none_or(|other| other == value),
                format!("the same as {other}"),
            ),
        };
        if same {
            Ok(())
        } else {
            Err(self.bad(field, format!("{expected} (kerf computes nothing else)")))
        }
    }

    /// A token id. It only steers where generation starts and stops: an odd value is ignored rather than fatal.
    pub fn token(&self, field: &str) -> Option<u32> {
        self.tokens(field).first().copied()
    }

    /// Token ids, one or a list.
    pub fn tokens(&self, field: &str) -> Vec<u32> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        match self.get(field) {
            Some(Value::Array(values)) => values.iter().filter_map(id).collect(),
            Some(value) => id(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
