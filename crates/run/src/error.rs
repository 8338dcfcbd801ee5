//! Errors of running, beside those of files.

use kerf_tensors::error::error_data;
use kerf_tensors::{ErrorData, error_codes};
use serde::Serialize;

/// Errors of running, beside those of files. The Display text names the thing and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RunError {
    /// The host asked to stop. Work done so far is kept.
    #[error("cancelled; the work done so far is kept in {work_dir}: run the same again to go on")]
    Cancelled { work_dir: String },
}

error_codes!(RunError {
    Cancelled => "CANCELLED",
});

impl RunError {
    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        error_data(self.code(), self)
    }
}
