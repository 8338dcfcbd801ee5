//! The one error type of the functions, and how it crosses the boundary.

use kerf_compress::CompressError;
use kerf_model::ModelError;
use kerf_tasks::DataError;
use kerf_tensors::amount::bytes;
use kerf_tensors::error::error_data;
use kerf_tensors::{ErrorData, TensorsError, error_codes};
use kerf_text::TextError;
use serde::Serialize;

/// Whatever stopped a function. Fields say what they are by name; the sentence uses each of them.
#[allow(missing_docs)]
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Error {
    /// From the files.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// From the network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// From planning and running a compression.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// From routing.
    #[error(transparent)]
    Route(#[from] kerf_route::RouteError),
    /// From learning.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(#[from] kerf_train::TrainError),
    /// The tokenizer cannot be used.
    #[error("{path}: {reason}")]
    BadTokenizer { path: String, reason: String },
    /// The function needs text, and the model has no tokenizer.
    #[error(
        "{model} has no tokenizer, which {operation} needs (tokenizer.json, or vocab.txt, or vocab.json with merges.txt); fetch it together with the model"
    )]
    NoTokenizer { model: String, operation: String },
    /// An unknown function, an unknown or missing field, a value of a wrong type.
    #[error("{field}: expected {expected}, received {actual}")]
    BadRequest {
        field: String,
        expected: String,
        actual: String,
    },
    /// A text file that is not UTF-8.
    #[error("{path} is not UTF-8 text: bad byte at offset {offset}; convert it to UTF-8")]
    NotUtf8 { path: String, offset: u64 },
    /// A pairs file that breaks the rules.
    #[error("{path}, line {line}: {reason}")]
    BadPairs {
        path: String,
        line: u64,
        reason: String,
    },
    /// A file of examples for a task that breaks the rules.
    #[error("{path}, line {line}: {reason}")]
    BadTaskData {
        path: String,
        line: u64,
        reason: String,
    },
    /// A module in a browser got no more memory.
    #[error(
        "out of memory: {} were refused beside the {} in use; set `maxMemory`, or calibrate on fewer `tokens`",
        bytes(*asked_bytes),
        bytes(*held_bytes)
    )]
    OutOfMemory { asked_bytes: u64, held_bytes: u64 },
    /// A bug in kerf.
    #[error("kerf failed inside ({reason}{}); please report this", at(location))]
    Internal { reason: String, location: String },
}

fn at(location: &str) -> String {
    match location {
        "" => String::new(),
        location => format!(", at {location}"),
    }
}

error_codes!(Error or the code inside Tensors, Model, Compress, Route, #[cfg(feature = "train")] Train {
    BadTokenizer => "BAD_TOKENIZER",
    NoTokenizer => "NO_TOKENIZER",
    BadRequest => "BAD_REQUEST",
    NotUtf8 => "NOT_UTF8",
    BadPairs => "BAD_PAIRS",
    BadTaskData => "BAD_TASK_DATA",
    OutOfMemory => "OUT_OF_MEMORY",
    Internal => "INTERNAL",
});

impl Error {
    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        match self {
            Self::Tensors(error) => error.data(),
            Self::Model(error) => error.data(),
            Self::Compress(error) => error.data(),
            Self::Route(error) => error.data(),
            #[cfg(feature = "train")]
            Self::Train(error) => error.data(),
            other => error_data(other.code(), other),
        }
    }
}

/// `BAD_OPTION`: a field of the right type with a value that cannot be.
pub fn bad_option(option: &str, expected: &str, actual: impl std::fmt::Display) -> Error {
    CompressError::BadOption {
        option: option.into(),
        expected: expected.into(),
        actual: actual.to_string(),
        reason: String::new(),
    }
    .into()
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        let DataError { path, line, reason } = error;
        Self::BadTaskData { path, line, reason }
    }
}

impl From<TextError> for Error {
    fn from(error: TextError) -> Self {
        Self::BadTokenizer {
            path: error.file,
            reason: error.reason,
        }
    }
}
