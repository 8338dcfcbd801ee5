//! Bytes of a small file to JSON.

use crate::TensorsError;
use serde_json::Value;

/// JSON of a file. `NOT_A_MODEL` for bytes that are something else; `path` names the file in the error.
pub fn json(path: &str, bytes: &[u8]) -> Result<Value, TensorsError> {
    serde_json::from_slice(bytes).map_err(|error| TensorsError::NotAModel {
        path: path.to_owned(),
        reason: format!("it is not valid JSON: {error}"),
    })
}
