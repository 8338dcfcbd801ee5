//! The one error of task data.

/// A file that breaks the rules of its task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}, line {line}: {reason}")]
pub struct DataError {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl DataError {
    pub(crate) fn at(path: &str, line: u64, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            reason: reason.into(),
        }
    }

    pub(crate) fn empty(path: &str, what: &str) -> Self {
        Self::at(path, 1, format!("the file has no {what}"))
    }
}
