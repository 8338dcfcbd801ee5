//! Numbers that a network computes: whether they are any. Weights are finite when they are read, but what is computed from them may
//! leave the range of f32, and then nothing that follows means anything.

use crate::ModelError;
use kerf_kernels::Compute;

/// `NOT_FINITE` if some of `values` is NaN or infinite. `what`: what they are; `model`: whose.
pub fn check(compute: &Compute, what: &str, model: &str, values: &[f32]) -> Result<(), ModelError> {
    match compute.kernels.first_non_finite(values) {
        None => Ok(()),
        Some(at) => Err(error(what, model, &values[at])),
    }
}

/// A measure. `NOT_FINITE` if it is NaN or infinite.
pub fn metric(what: &str, model: &str, value: f64) -> Result<f64, ModelError> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(error(what, model, &value)),
    }
}

fn error(what: &str, model: &str, value: &dyn std::fmt::Display) -> ModelError {
    ModelError::NotFinite {
        what: what.into(),
        model: model.into(),
        value: value.to_string(),
    }
}
