//! Errors of routing, beside those of files, models and runs.

use kerf_model::ModelError;
use kerf_run::RunError;
use kerf_tensors::error::error_data;
use kerf_tensors::{ErrorData, TensorsError, error_codes};
use serde::Serialize;

/// Errors of routing. The Display text names the thing and the fix.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[serde(rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum RouteError {
    /// From the files.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// From the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// From the run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// From learning.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(#[from] kerf_train::TrainError),
    /// A schedule, or a router, of another model.
    #[error(
        "the router is for {expected}, but the model is {actual}: make one for this model with `kerf route`"
    )]
    WrongModel {
        /// What it was made for.
        expected: String,
        /// What it is used with.
        actual: String,
    },
    /// A folder that is no router, or a damaged one.
    #[error("{path} is no router: {reason}; name a folder that `kerf route` wrote")]
    BadRouter {
        /// The folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A router that another version of kerf wrote.
    #[error(
        "{path} is a router of version {version}, and this kerf reads version {known}: make it again with `kerf route`, or use a newer kerf"
    )]
    RouterVersion {
        /// The folder.
        path: String,
        /// What it says.
        version: u64,
        /// What is known here.
        known: u64,
    },
}

error_codes!(RouteError or the code inside Tensors, Model, Run, #[cfg(feature = "train")] Train {
    WrongModel => "WRONG_MODEL",
    BadRouter => "BAD_ROUTER",
    RouterVersion => "ROUTER_VERSION",
});

impl RouteError {
    /// Code, sentence and fields.
    pub fn data(&self) -> ErrorData {
        match self {
            Self::Tensors(error) => error.data(),
            Self::Model(error) => error.data(),
            Self::Run(error) => error.data(),
            #[cfg(feature = "train")]
            Self::Train(error) => error.data(),
            other => error_data(other.code(), other),
        }
    }
}
