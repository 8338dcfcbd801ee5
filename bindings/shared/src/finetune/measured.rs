//! What a result does on the held-out file, as `evaluate` measures it.

use super::request::FinetuneRequest;
use crate::api::{EvaluateRequest, Evaluation, ModelRef};
use crate::evaluate::evaluate;
use crate::{Error, Host};

/// Measures the model at `place`.
pub fn of_task(
    task: &str,
    place: &str,
    file: &str,
    request: &FinetuneRequest,
    host: &dyn Host,
) -> Result<Option<Evaluation>, Error> {
    let file = Some(file.to_owned());
    let wanted = EvaluateRequest {
        model: ModelRef::Path(place.into()),
        architecture: request.architecture.clone(),
        threads: request.options.threads,
        ..EvaluateRequest::default()
    };
    let wanted = match task {
        "classification" => EvaluateRequest {
            task: file,
            ..wanted
        },
        "similarity" => EvaluateRequest {
            pairs_file: file,
            ..wanted
        },
        "answering" => EvaluateRequest { qa: file, ..wanted },
        "completion" => EvaluateRequest {
            completion: file,
            ..wanted
        },
        _ => EvaluateRequest {
            text_file: file,
            context: request.max_tokens,
            ..wanted
        },
    };
    evaluate(wanted, host).map(Some)
}
