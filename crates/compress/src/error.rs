//! Errors of planning and running a compression.

use kerf_model::ModelError;
use kerf_run::RunError;
use kerf_tensors::amount::{bytes, bytes_at_least};
use kerf_tensors::{ErrorData, TensorsError, error::error_data, error_codes};
use serde::Serialize;

/// Errors of planning and running a compression. The Display text names the thing and the fix.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum CompressError {
    /// From the files.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// From the network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// From running: the host asked to stop.
    #[error(transparent)]
    Run(#[from] RunError),
    /// An option has a value that it cannot have, or may not be given beside others.
    #[error("option {option}{}", refusal(expected, actual, reason))]
    BadOption {
        option: String,
        /// What it may be; "nothing" where it may not be given at all.
        expected: String,
        actual: String,
        /// Why it may not be given, and what to do; empty where another value helps.
        #[serde(skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The run cannot keep to the memory that it was given.
    #[error(
        "this run needs at least {} of memory, and `maxMemory` allows {}; allow more{fix}",
        bytes_at_least(*needed_bytes),
        bytes(*limit_bytes)
    )]
    MemoryLimit {
        needed_bytes: u64,
        limit_bytes: u64,
        /// What needs less, as the end of the sentence.
        fix: String,
    },
    /// A method with calibration got nothing to calibrate on.
    #[error(
        "the calibration text ({calibration}) is empty: give a text with at least a few thousand words"
    )]
    CalibrationEmpty { calibration: String },
    /// `strict` is set and the calibration text says too little.
    #[error("strict: {reason}; {fix}")]
    CalibrationPoor { reason: String, fix: String },
    /// The method needs the network to run, and its architecture is not known.
    #[error(
        "method {method} needs calibration, but {}, or use rtn (or magnitude, with a `sparsity`)",
        not_known(model_type)
    )]
    MethodNeedsArchitecture { method: String, model_type: String },
    /// Shares or bits are to be decided by a survey, which needs the network to run, and its architecture is not known.
    #[error(
        "{} needs a survey of the model, but {}, or take the schedule uniform without a budget (`targetBits`, `targetBytes`)",
        surveyor(schedule),
        not_known(model_type)
    )]
    ScheduleNeedsArchitecture {
        schedule: String,
        model_type: String,
    },
    /// `strict` is set and a repair was needed.
    #[error("strict: a repair was needed for tensor {tensor}: {repair}")]
    Strict { tensor: String, repair: String },
    /// The result lost more than `maxLoss` allows. It is whole, under another name.
    #[error(
        "the result lost more than `maxLoss` allows ({loss:.3}, at most {limit}): {summary}; it is kept in {kept}: take it as it is, or compress less"
    )]
    LossTooHigh {
        loss: f64,
        limit: f64,
        /// What was measured, in words.
        summary: String,
        /// Where the result is.
        kept: String,
    },
    /// The model has no matrix to compress.
    #[error("the model has no matrix that could be compressed{}", because(kept))]
    NothingToCompress {
        /// What is kept, and why.
        kept: String,
    },
    /// The model was compressed before.
    #[error(
        "the model is a kerf container already; compress the original model instead, or convert this one to safetensors first"
    )]
    AlreadyCompressed {},
}

fn refusal(expected: &str, actual: &str, reason: &str) -> String {
    match reason {
        "" => format!(": expected {expected}, got {actual}"),
        reason => format!(" cannot be given here: {reason}"),
    }
}

/// Uniform itself looks at nothing: it is a budget then that does.
fn surveyor(schedule: &str) -> String {
    match schedule {
        "uniform" => "a budget".into(),
        schedule => format!("schedule {schedule}"),
    }
}

/// Why a network is not known, and what to do. An empty `model_type`: there is no config.json.
fn not_known(model_type: &str) -> String {
    match model_type {
        "" => "the folder has no config.json, which says what network it is; fetch it together with the weights".into(),
        _ => format!(
            "architecture {model_type:?} is not known to kerf; describe it in JSON (`architecture`)"
        ),
    }
}

error_codes!(CompressError or the code inside Tensors, Model, Run {
    BadOption => "BAD_OPTION",
    MemoryLimit => "MEMORY_LIMIT",
    CalibrationEmpty => "CALIBRATION_EMPTY",
    CalibrationPoor => "CALIBRATION_POOR",
    MethodNeedsArchitecture => "METHOD_NEEDS_ARCHITECTURE",
    ScheduleNeedsArchitecture => "SCHEDULE_NEEDS_ARCHITECTURE",
    Strict => "STRICT",
    LossTooHigh => "LOSS_TOO_HIGH",
    NothingToCompress => "NOTHING_TO_COMPRESS",
    AlreadyCompressed => "ALREADY_COMPRESSED",
});

fn because(kept: &str) -> String {
    match kept {
        "" => String::new(),
        kept => format!(
            " ({kept}); if it has linear layers, describe its architecture in JSON (`architecture`)"
        ),
    }
}

impl CompressError {
    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        match self {
            Self::Tensors(error) => error.data(),
            Self::Model(error) => error.data(),
            Self::Run(error) => error.data(),
            other => error_data(self.code(), other),
        }
    }
}
