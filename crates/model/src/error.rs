//! Errors of the network.

use kerf_tensors::{ErrorData, TensorsError, error::error_data, error_codes};
use serde::Serialize;

/// Errors of reading a configuration or running a network.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum ModelError {
    /// From the files.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The architecture is not in the table.
    #[error("architecture {model_type:?} is not known to kerf (known: {}); describe it in JSON (`architecture`), or compress it by its weights alone (rtn, magnitude)", known.join(", "))]
    UnknownArchitecture {
        /// Its `model_type`.
        model_type: String,
        /// Those in the table.
        known: Vec<String>,
    },
    /// A description of an architecture breaks a rule.
    #[error("{path}: {field}: expected {expected}, got {actual}")]
    BadArchitecture {
        /// Its file.
        path: String,
        /// Path of the field.
        field: String,
        /// What it may hold.
        expected: String,
        /// What it holds.
        actual: String,
    },
    /// config.json lacks a field or has a bad value.
    #[error("config.json: {field}: expected {expected}, got {actual}")]
    BadConfig {
        /// Name of the field.
        field: String,
        /// What it may hold.
        expected: String,
        /// What it holds.
        actual: String,
    },
    /// A decoder without a head, though its configuration says that it has one of its own.
    #[error(
        "tensor {tensor} is not in the model, and config.json does not say {field}: true, which makes the token embedding the head; \
         set that if it is so, or put the file that holds the head back"
    )]
    HeadMissing {
        /// The head.
        tensor: String,
        /// The field that says whether the token embedding is the head.
        field: String,
    },
    /// A token id outside the vocabulary.
    #[error(
        "token id {id} is outside the vocabulary of {vocab}; does the tokenizer belong to this model?"
    )]
    BadToken {
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// A sequence longer than the model's position table.
    #[error("a sequence of {actual} tokens is longer than the model's maximum of {maximum}")]
    TooLong {
        /// Tokens of the sequence, or of the window asked for.
        actual: usize,
        /// Positions that the model has.
        maximum: usize,
    },
    /// The operation needs another kind of model.
    #[error("{operation} needs {expected}, but {architecture} is not one")]
    WrongKind {
        /// What was asked for.
        operation: String,
        /// The kind of model that can do it.
        expected: String,
        /// Id of the architecture.
        architecture: String,
    },
    /// Nothing to compute on.
    #[error("{what} is empty: {fix}")]
    Empty {
        /// What is empty.
        what: String,
        /// What to do.
        fix: String,
    },
    /// What a model computes is NaN or infinite.
    #[error(
        "{what} of {model}: {value} is not a finite number: its weights are finite, but what it computes from them is beyond the range of f32; take the original, or compress less"
    )]
    NotFinite {
        /// Hidden states, or a metric.
        what: String,
        /// The model.
        model: String,
        /// NaN or an infinity.
        value: String,
    },
    /// The host asked to stop.
    #[error("cancelled")]
    Cancelled {},
}

error_codes!(ModelError or the code inside Tensors {
    UnknownArchitecture => "UNKNOWN_ARCHITECTURE",
    BadArchitecture => "BAD_ARCHITECTURE",
    BadConfig => "BAD_CONFIG",
    HeadMissing => "TENSOR_MISSING",
    BadToken => "BAD_TOKEN",
    TooLong => "TOO_LONG",
    WrongKind => "WRONG_KIND",
    Empty => "EMPTY",
    NotFinite => "NOT_FINITE",
    Cancelled => "CANCELLED",
});

impl ModelError {
    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        match self {
            Self::Tensors(error) => error.data(),
            other => error_data(self.code(), other),
        }
    }
}
