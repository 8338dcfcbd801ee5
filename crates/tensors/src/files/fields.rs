//! Typed access to one JSON object of a model folder. It remembers which fields were read, so that the others can be reported.

use super::fact::{Fact, shortened};
use super::parse::not_finite_of;
use crate::TensorsError;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// One JSON object of a file. A field that is null counts as absent.
pub struct Fields<'a> {
    file: &'a str,
    /// Prefix for the names of fields in errors and notes, such as `weights.`.
    inside: String,
    object: Option<&'a Map<String, Value>>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Fields<'a> {
    /// The object that is the whole file. `BAD_CONFIG` if the JSON is not an object.
    pub fn of(file: &'a str, value: &'a Value) -> Result<Self, TensorsError> {
        match value.as_object() {
            Some(object) => Ok(Self::new(file, String::new(), Some(object))),
            None => Err(TensorsError::BadConfig {
                file: file.into(),
                field: "the file".into(),
                expected: "a JSON object".into(),
                actual: shortened(&value.to_string()),
            }),
        }
    }

    fn new(file: &'a str, inside: String, object: Option<&'a Map<String, Value>>) -> Self {
        Self {
            file,
            inside,
            object,
            read: RefCell::default(),
        }
    }

    /// The object in a field. An absent field gives an object without fields. `BAD_CONFIG` for any other value.
    pub fn object(&self, field: &str) -> Result<Fields<'a>, TensorsError> {
        let inside = format!("{}{field}.", self.inside);
        match self.get(field) {
            None => Ok(Fields::new(self.file, inside, None)),
            Some(Value::Object(object)) => Ok(Fields::new(self.file, inside, Some(object))),
            Some(_) => Err(self.bad(field, "an object")),
        }
    }

    /// The value of a field. `None` if it is absent or null. The field counts as read.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(field.to_owned());
        self.object?.get(field).filter(|value| !value.is_null())
    }

    /// The value of a field, which may be null. The field counts as read.
    pub fn raw(&self, field: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(field.to_owned());
        self.object?.get(field)
    }

    /// Name of the file.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Names of all fields, read or not.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.object
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
    }

    /// The error `BAD_CONFIG` about a field, with its value.
    pub fn bad(&self, field: &str, expected: impl Into<String>) -> TensorsError {
        let value = self.object.and_then(|object| object.get(field));
        TensorsError::BadConfig {
            file: self.file.into(),
            field: format!("{}{field}", self.inside),
            expected: expected.into(),
            actual: match value {
                None => "nothing".into(),
                Some(value) => match not_finite_of(value) {
                    Some(number) => number.to_owned(),
                    None => shortened(&value.to_string()),
                },
            },
        }
    }

    /// A flag. `None` if it is absent.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, TensorsError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.bad(field, "true or false")),
        }
    }

    /// A text. `None` if it is absent.
    pub fn text(&self, field: &str) -> Result<Option<&'a str>, TensorsError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(self.bad(field, "a text")),
        }
    }

    /// A whole number in a range. `None` if it is absent. It may be written as 512.0, which some programs do.
    pub fn size(
        &self,
        field: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, TensorsError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match integer(value).filter(|value| range.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => {
                let (low, high) = (range.start(), range.end());
                Err(self.bad(field, format!("a whole number from {low} to {high}")))
            }
        }
    }

    /// A number in a range. `None` if it is absent.
    pub fn number(
        &self,
        field: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, TensorsError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match value.as_f64().filter(|value| range.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => {
                let (low, high) = (range.start(), range.end());
                Err(self.bad(field, format!("a number from {low} to {high}")))
            }
        }
    }

    /// A note about each field that was not read. Fields in `neutral` get no note, since they do not change what kerf does.
    pub fn unread(&self, neutral: &[&str]) -> Vec<Fact> {
        let read = self.read.borrow();
        let all = self.object.into_iter().flatten();
        all.filter(|(name, value)| {
            !read.contains(*name) && !neutral.contains(&name.as_str()) && !value.is_null()
        })
        .map(|(name, value)| {
            let field = format!("{}{name}", self.inside);
            Fact::noted(
                self.file,
                &field,
                value,
                "kerf does not know this field and leaves it out of account",
            )
        })
        .collect()
    }
}

/// A whole number. It may be written as 4096.0, which some programs do.
pub fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_read_is_told() {
        let json = json!({"a": 1, "b": null, "c": true, "d": {"e": 2.0, "f": "x"}, "g": 4});
        let fields = Fields::of("x.json", &json).unwrap();
        assert_eq!(fields.size("a", 0..=9).unwrap(), Some(1));
        assert_eq!(fields.flag("b").unwrap(), None);
        let inner = fields.object("d").unwrap();
        assert_eq!(inner.size("e", 0..=9).unwrap(), Some(2));
        let unread = fields.unread(&["g"]);
        assert_eq!(unread.len(), 1);
        assert_eq!(
            (unread[0].field.as_str(), unread[0].value.as_str()),
            ("c", "true")
        );
        assert_eq!(inner.unread(&[])[0].field, "d.f");
    }

    #[test]
    fn an_error_names_file_field_and_value() {
        let json = json!({"a": {"b": "yes"}});
        let fields = Fields::of("x.json", &json).unwrap();
        let error = fields.object("a").unwrap().flag("b").unwrap_err();
        assert_eq!(error.code(), "BAD_CONFIG");
        assert_eq!(
            error.to_string(),
            "x.json: a.b: expected true or false, got \"yes\""
        );
        assert!(Fields::of("x.json", &json!([])).is_err());
    }
}
