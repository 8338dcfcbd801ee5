//! What became of each thing that the small files of a model folder say.

use serde::{Deserialize, Serialize};

/// What became of one thing that a folder says. What cannot be done is an error instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Kerf does what it says.
    #[default]
    Used,
    /// Kerf does something else, or nothing: `says` tells what.
    Noted,
}

/// One thing that a model folder says, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// File in the folder.
    pub file: String,
    /// Path of the field in it; empty for the file as a whole.
    pub field: String,
    /// What it holds, shortened.
    pub value: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What kerf does about it, in one sentence.
    pub says: String,
}

impl Fact {
    /// Something that kerf does as it is said.
    pub fn used(file: &str, field: &str, value: impl ToString, says: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Used,
            ..Self::noted(file, field, value, says)
        }
    }

    /// Something that a user should know, since kerf does not simply do it.
    pub fn noted(file: &str, field: &str, value: impl ToString, says: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            field: field.into(),
            value: shortened(&value.to_string()),
            outcome: Outcome::Noted,
            says: says.into(),
        }
    }

    /// The sentence of a note: where it stands, and what kerf does about it.
    pub fn sentence(&self) -> String {
        match self.field.as_str() {
            "" => format!("{}: {}", self.file, self.says),
            field => format!("{}: {field}: {}", self.file, self.says),
        }
    }
}

/// At most 80 characters of a value.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
