//! Errors of learning.

use kerf_model::ModelError;
use kerf_run::RunError;
use kerf_tensors::{ErrorData, TensorsError, error::error_data, error_codes};
use serde::Serialize;

/// Errors of learning. The Display text names the thing and the fix.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum TrainError {
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
    #[error("option {option}: expected {expected}, got {actual}")]
    BadOption {
        option: String,
        expected: String,
        actual: String,
    },
    /// There is nothing to learn from, or nothing to measure on.
    #[error("there are {count} examples {purpose}: give {needed} at least")]
    TooFewExamples {
        /// `to learn from` or `to measure on`.
        purpose: String,
        count: usize,
        needed: usize,
    },
    /// The loss, or its gradient, is no number.
    #[error(
        "the loss is not finite at step {step} (batch of the examples {examples}): lower `learningRate` (it was {rate:e}), or clip gradients (`clip`); what was learned up to step {kept} is kept in {work_dir}"
    )]
    LossNotFinite {
        step: u64,
        /// Numbers of the first examples of the batch, from 1.
        examples: String,
        rate: f64,
        /// Step of the last checkpoint.
        kept: u64,
        work_dir: String,
    },
}

error_codes!(TrainError or the code inside Tensors, Model, Run {
    BadOption => "BAD_OPTION",
    TooFewExamples => "TOO_FEW_EXAMPLES",
    LossNotFinite => "LOSS_NOT_FINITE",
});

impl TrainError {
    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        match self {
            Self::Tensors(error) => error.data(),
            Self::Model(error) => error.data(),
            Self::Run(error) => error.data(),
            own => error_data(own.code(), own),
        }
    }
}

/// A `BAD_OPTION`.
pub(crate) fn bad_option(
    option: &str,
    expected: &str,
    actual: impl std::fmt::Display,
) -> TrainError {
    TrainError::BadOption {
        option: option.into(),
        expected: expected.into(),
        actual: actual.to_string(),
    }
}
