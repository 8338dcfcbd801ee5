//! Errors of tokenizers.

/// A tokenizer that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct TextError {
    /// The file that is wrong.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

impl TextError {
    /// About a file.
    pub(crate) fn of(file: &str, reason: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            reason: reason.into(),
        }
    }
}
