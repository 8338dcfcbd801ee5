//! One error type for everything on disk. Every variant has a stable code and typed fields.

use crate::amount::bytes_apart;
use serde::Serialize;
use serde_json::Value;

/// An error as it crosses the boundaries of Kerf: a stable code, one sentence, and the fields behind the sentence.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorData {
    /// Stable code in upper snake case.
    pub code: &'static str,
    /// One sentence that names the faulty thing and the fix.
    pub message: String,
    /// The fields of the error, with camelCase names.
    pub details: Value,
}

/// Generates the codes of an error enum from one table: the method `code()`, and the constant `CODES` for the TypeScript
/// declarations. A variant without a row does not compile, so table and enum stay the same. `or the code inside A, B` names the
/// variants that wrap another error enum and take its code.
#[macro_export]
macro_rules! error_codes {
    ($enum:ident $(or the code inside $($(#[$on:meta])* $outer:ident),+)? { $($variant:ident => $code:literal,)+ }) => {
        impl $enum {
            /// Codes of all variants, except those that wrap another enum.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// Stable code of this error, in upper snake case.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)+
                    $($($(#[$on])* Self::$outer(error) => error.code(),)+)?
                }
            }
        }
    };
}

/// Errors of reading and writing. The Display text names the faulty thing and the fix.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: their names and the sentence say what they are
pub enum TensorsError {
    /// The operating system refused a read or a write; `kind` is the io::ErrorKind.
    #[error("{path}: {reason}")]
    Io {
        path: String,
        kind: String,
        reason: String,
    },
    /// The disk became full while writing. No file under the final name was touched.
    #[error("no space left on the disk while writing {path}; free some and run again")]
    DiskFull { path: String },
    /// Another process works in the same work folder.
    #[error(
        "the work folder {path} is in use by another run; wait for it, or name another one (`workDir`)"
    )]
    WorkDirBusy { path: String },
    /// A file or folder does not exist.
    #[error("{path} does not exist")]
    NotFound { path: String },
    /// A link in a model folder leads to nothing.
    #[error(
        "{path} is a link to {target}, which does not exist; fetch the file again, or copy the model with what its links lead to"
    )]
    BrokenLink { path: String, target: String },
    /// The output folder exists already.
    #[error(
        "{path} exists already; name another `out`, or give `force` to replace what kerf wrote"
    )]
    OutputExists { path: String },
    /// The output folder exists already and kerf did not write it. `force` replaces results of kerf only.
    #[error(
        "{path} exists already and is not as kerf wrote it ({reason}), so that `force` does not replace it; name another `out`"
    )]
    OutputForeign { path: String, reason: String },
    /// A file is shorter than its header says.
    #[error(
        "{path} is truncated: it has {}, its header promises {}; fetch it again",
        bytes_apart(*actual_bytes, *expected_bytes).0,
        bytes_apart(*actual_bytes, *expected_bytes).1
    )]
    Truncated {
        path: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        expected_bytes: u64,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        actual_bytes: u64,
    },
    /// The header of a file contradicts itself, the size of the file, or the limits.
    #[error("{path}: bad header: {reason}")]
    BadHeader { path: String, reason: String },
    /// The index names a shard that does not exist, or a tensor that its shard does not have.
    #[error("{path}: bad index: {reason}")]
    BadIndex { path: String, reason: String },
    /// A small file of a model folder lacks a field or has a value that it cannot have.
    #[error("{file}: {field}: expected {expected}, got {actual}")]
    BadConfig {
        file: String,
        field: String,
        expected: String,
        actual: String,
    },
    /// The adapter beside the model cannot be merged into it. `field` is a field of the adapter's configuration or one of its
    /// tensors.
    #[error("{file}: {field}: {reason}; {fix}")]
    BadAdapter {
        file: String,
        field: String,
        reason: String,
        fix: String,
    },
    /// The model lacks a tensor that is needed.
    #[error("tensor {tensor} is not in the model")]
    TensorMissing { tensor: String },
    /// A tensor has another shape than the configuration says.
    #[error("tensor {tensor} has shape {actual:?}, expected {expected:?}")]
    WrongShape {
        tensor: String,
        expected: Vec<usize>,
        actual: Vec<usize>,
    },
    /// A tensor's type is not one that can be computed on.
    #[error("tensor {tensor} is {dtype}, which cannot be computed on (f32, f16 and bf16 can)")]
    WrongDType { tensor: String, dtype: String },
    /// A weight is NaN or infinite.
    #[error(
        "tensor {tensor} has a {value} at element {index}; the file is damaged or was written by a diverged training run"
    )]
    NonFinite {
        tensor: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        index: u64,
        value: String,
    },
    /// A quantized matrix has a scale that its format does not allow.
    #[error("tensor {tensor} has a scale of {value} at group {index}; the file is damaged")]
    BadScale {
        tensor: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        index: u64,
        value: String,
    },
    /// The output format cannot hold this model.
    #[error("format {format} cannot hold this model ({model}): {reason}")]
    FormatUnsupported {
        format: String,
        model: String,
        reason: String,
    },
    /// This program does not know the version of a kerf container.
    #[error(
        "{path} is a kerf container of version {version}; this program reads up to {supported}; update kerf"
    )]
    ContainerVersion {
        path: String,
        version: String,
        supported: u32,
    },
    /// A kerf container contradicts the specification of the container.
    #[error("{path}: damaged kerf container: tensor {tensor}: {reason}")]
    BadContainer {
        path: String,
        tensor: String,
        reason: String,
    },
    /// The output format gives names of this kind another meaning.
    #[error(
        "tensor {tensor} has a name that {format} files reserve; rename it, or write another format"
    )]
    ReservedName { tensor: String, format: String },
    /// Another program has quantized the weights, in a scheme that kerf does not read.
    #[error(
        "{path} is quantized already ({scheme}; {evidence}), and kerf compresses and runs weights of full precision: take the original model, or dequantize this one {fix}"
    )]
    AlreadyQuantized {
        path: String,
        scheme: String,
        evidence: String,
        fix: String,
    },
    /// A GGUF file of another program needs something that kerf does not support. `field` is one of its keys or tensors.
    #[error("{path}: {field}: {reason}; {fix}")]
    GgufUnsupported {
        path: String,
        field: String,
        reason: String,
        fix: String,
    },
    /// The path holds nothing that could be a model.
    #[error("{path} is not a model: {reason}")]
    NotAModel { path: String, reason: String },
}

error_codes!(TensorsError {
    Io => "IO",
    DiskFull => "DISK_FULL",
    WorkDirBusy => "WORK_DIR_BUSY",
    NotFound => "NOT_FOUND",
    BrokenLink => "BROKEN_LINK",
    OutputExists => "OUTPUT_EXISTS",
    OutputForeign => "OUTPUT_EXISTS",
    Truncated => "TRUNCATED",
    BadHeader => "BAD_HEADER",
    BadIndex => "BAD_INDEX",
    BadConfig => "BAD_CONFIG",
    BadAdapter => "BAD_ADAPTER",
    TensorMissing => "TENSOR_MISSING",
    WrongShape => "WRONG_SHAPE",
    WrongDType => "WRONG_DTYPE",
    NonFinite => "NON_FINITE",
    BadScale => "BAD_SCALE",
    FormatUnsupported => "FORMAT_UNSUPPORTED",
    ContainerVersion => "CONTAINER_VERSION",
    BadContainer => "BAD_CONTAINER",
    ReservedName => "RESERVED_NAME",
    AlreadyQuantized => "ALREADY_QUANTIZED",
    GgufUnsupported => "GGUF_UNSUPPORTED",
    NotAModel => "NOT_A_MODEL",
});

impl TensorsError {
    /// Converts an error of the operating system. A full disk and a missing file have variants of their own; other errors become
    /// `IO`.
    pub fn from_io(path: impl std::fmt::Display, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_string();
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { path },
            kind => Self::Io {
                path,
                kind: format!("{kind:?}"),
                reason: error.to_string(),
            },
        }
    }

    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        error_data(self.code(), self)
    }
}

/// [`ErrorData`] of an error enum whose serde form is externally tagged with camelCase fields.
pub fn error_data<E: std::fmt::Display + Serialize>(code: &'static str, error: &E) -> ErrorData {
    let details = match serde_json::to_value(error) {
        Ok(Value::Object(map)) => map
            .into_iter()
            .next()
            .map(|(_, fields)| fields)
            .unwrap_or(Value::Null),
        _ => Value::Null,
    };
    ErrorData {
        code,
        message: error.to_string(),
        details,
    }
}
