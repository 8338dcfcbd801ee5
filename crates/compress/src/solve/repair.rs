//! Repairs: cases in which a solver could not do exactly what was asked.

use serde::{Deserialize, Serialize};

/// A repair that the engine made: never silent, counted, fatal under `strict`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[allow(missing_docs)]
pub enum Repair {
    /// The Hessian was not positive definite, so its damping was raised to `damping_rel`.
    DampingRaised { tensor: String, damping_rel: f64 },
    /// Some inputs were zero for all calibration tokens, so their weights were removed.
    DeadColumns { tensor: String, columns: usize },
    /// The method could not be used. `method` was used instead, for this reason.
    Fallback {
        tensor: String,
        method: String,
        reason: String,
    },
    /// The matrix approximates its own outputs and not those of the dense model, for this reason.
    OwnInputs { tensor: String, reason: String },
    /// Groups of weights are too small or too large for the scales of the format. With `kept`, the matrix is stored as f32 for
    /// that reason. Otherwise these weights became 0, which changes less than a millionth of the matrix.
    OutOfRange {
        tensor: String,
        groups: usize,
        kept: bool,
    },
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DampingRaised { damping_rel, .. } => {
                write!(f, "damping raised to {damping_rel:.0e}")
            }
            Self::DeadColumns { columns, .. } => write!(f, "{columns} inputs are always zero"),
            Self::Fallback { method, reason, .. } => {
                write!(f, "{method} instead, because {reason}")
            }
            Self::OwnInputs { reason, .. } => {
                write!(f, "aims at its own outputs (blend 0), because {reason}")
            }
            Self::OutOfRange { groups, kept, .. } => {
                let done = if *kept { "stored as f32" } else { "set to 0" };
                write!(
                    f,
                    "{done}, because {groups} groups of weights are out of the range of the format's f16"
                )
            }
        }
    }
}
