//! The values of a header, by key.

use std::collections::BTreeMap;

/// A value of a header.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The names are the types.
pub(crate) enum Found {
    Whole(i128),
    Float(f64),
    Flag(bool),
    Text(String),
    Wholes(Vec<i64>),
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
    Flags(Vec<bool>),
    Texts(Vec<String>),
}

impl Found {
    /// The value as text for a message. A list is described by its length.
    pub fn told(&self) -> String {
        let many = |count: usize, what: &str| format!("a list of {count} {what}");
        match self {
            Self::Whole(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Flag(value) => value.to_string(),
            Self::Text(value) => format!("{:?}", crate::files::shortened(value)),
            Self::Wholes(values) => many(values.len(), "integers"),
            Self::Bytes(values) => many(values.len(), "bytes"),
            Self::Floats(values) => many(values.len(), "numbers"),
            Self::Flags(values) => many(values.len(), "truth values"),
            Self::Texts(values) => many(values.len(), "texts"),
        }
    }
}

/// All values of a header, by key.
pub(crate) type Metadata = BTreeMap<String, Found>;
