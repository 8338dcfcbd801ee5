//! Facts: what the small files of a model folder say, and what kerf does about each of these statements.

use serde::{Deserialize, Serialize};

/// What kerf does about one statement. A statement that kerf cannot satisfy is an error instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Kerf does what the file says.
    #[default]
    Used,
    /// Kerf does something else, or nothing. The field `says` explains it.
    Noted,
}

/// One statement of a model folder, and what kerf does about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// Name of the file in the folder.
    pub file: String,
    /// Path of the field in the file. Empty for the file as a whole.
    pub field: String,
    /// Value of the field, shortened.
    pub value: String,
    /// Whether kerf does what the file says.
    pub outcome: Outcome,
    /// What kerf does about it, in one sentence.
    pub says: String,
}

impl Fact {
    /// A statement that kerf follows.
    pub fn used(file: &str, field: &str, value: impl ToString, says: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Used,
            ..Self::noted(file, field, value, says)
        }
    }

    /// A statement that kerf does not simply follow, so that a user should know.
    pub fn noted(file: &str, field: &str, value: impl ToString, says: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            field: field.into(),
            value: shortened(&value.to_string()),
            outcome: Outcome::Noted,
            says: says.into(),
        }
    }

    /// The sentence for the user: file and field, and what kerf does.
    pub fn sentence(&self) -> String {
        match self.field.as_str() {
            "" => format!("{}: {}", self.file, self.says),
            field => format!("{}: {field}: {}", self.file, self.says),
        }
    }
}

/// A text cut to at most 80 characters.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
