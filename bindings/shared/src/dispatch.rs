//! From the name of a function and a JSON request to its response.

use crate::answer::{Answer, Array, Envelope, Numbers, Response};
use crate::api::{
    Classes, Comparison, Conversion, Embeddings, Evaluation, Generation, HeldModel, Inspection,
    Released,
};
use crate::call::Call;
use crate::compress::Compression;
#[cfg(feature = "train")]
use crate::finetune::{Finetune, request::FinetuneReport};
#[cfg(feature = "train")]
use crate::route::{request::RouteReport, route};
use crate::{
    Error, Host, classify, compare, compress, convert, embed, evaluate, generate, held, inspect,
    surrogates,
};
use kerf_compress::{PlanReport, Report};
use kerf_tensors::{ErrorData, complaint::Complaint};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A function that goes on by steps.
pub(crate) trait Work {
    /// One step; the response at the end.
    fn step(&mut self, host: &dyn Host) -> Result<Option<Answer>, Error>;
}

/// A function whose request was read.
pub(crate) enum Started {
    /// It is done already.
    Answered(Answer),
    /// It goes on by steps.
    Working(Box<dyn Work>),
}

/// One function of the API.
struct Command {
    id: &'static str,
    begin: fn(&str, &dyn Host) -> Result<Started, Error>,
}

/// A row of the table: the id of a function, and the function.
macro_rules! row {
    ($id:literal, $run:path) => {
        Command {
            id: $id,
            begin: |request, host| {
                let response = $run(parse($id, request)?, host)?;
                Answer::of($id, response).map(Started::Answered)
            },
        }
    };
}

/// All functions: one file and one row each.
const TABLE: &[Command] = &[
    row!("inspect", inspect::inspect),
    row!("open", held::open),
    row!("memory", held::memory),
    row!("close", held::close),
    row!("plan", compress::plan),
    Command {
        id: "compress",
        begin: |request, host| {
            let compression = Compression::begin(parse("compress", request)?, host)?;
            Ok(Started::Working(Box::new(compression)))
        },
    },
    row!("evaluate", evaluate::evaluate),
    row!("compare", compare::compare),
    row!("generate", generate::generate),
    row!("embed", embed::embed),
    row!("classify", classify::classify),
    row!("convert", convert::convert),
    #[cfg(feature = "train")]
    Command {
        id: "finetune",
        begin: |request, host| {
            let run = Finetune::begin(parse("finetune", request)?, host)?;
            Ok(Started::Working(Box::new(run)))
        },
    },
    #[cfg(feature = "train")]
    row!("route", route),
];

#[cfg(feature = "train")]
impl Response for RouteReport {}

#[cfg(feature = "train")]
impl Work for Finetune {
    fn step(&mut self, host: &dyn Host) -> Result<Option<Answer>, Error> {
        let report = Finetune::step(self, host)?;
        report
            .map(|report| Answer::of("finetune", report))
            .transpose()
    }
}

#[cfg(feature = "train")]
impl Response for FinetuneReport {}

impl Work for Compression {
    fn step(&mut self, host: &dyn Host) -> Result<Option<Answer>, Error> {
        let report = Compression::step(self, host)?;
        report
            .map(|report| Answer::of("compress", report))
            .transpose()
    }
}

impl Response for Classes {}
impl Response for Comparison {}
impl Response for Conversion {}
impl Response for Evaluation {}
impl Response for Generation {}
impl Response for HeldModel {}
impl Response for Inspection {}
impl Response for PlanReport {}
impl Response for Released {}
impl Response for Report {}

impl Response for Embeddings {
    fn take_arrays(&mut self) -> Vec<Array> {
        let numbers = std::mem::take(&mut self.vectors);
        vec![Array {
            name: "vectors",
            shape: vec![numbers.len() / self.dimensions.max(1), self.dimensions],
            numbers: Numbers::F32(numbers),
        }]
    }
}

/// Names of all functions.
pub fn commands() -> Vec<&'static str> {
    TABLE.iter().map(|command| command.id).collect()
}

/// Reads the request of a function and begins. `BAD_REQUEST` for a name or a request that is not one.
pub(crate) fn begin(command: &str, request: &str, host: &dyn Host) -> Result<Started, ErrorData> {
    let row = TABLE.iter().find(|row| row.id == command);
    let begun = match row {
        Some(row) => (row.begin)(request, host),
        None => Err(Error::BadRequest {
            field: "command".into(),
            expected: format!("one of {}", commands().join(", ")),
            actual: format!("{command:?}"),
        }),
    };
    begun.map_err(|error| error.data())
}

/// Runs one function to its end and gives all of its response as JSON, arrays too: not for large ones. Errors as [`begin`] and
/// the function have them.
pub fn dispatch(command: &str, request_json: &str, host: &dyn Host) -> Result<Value, ErrorData> {
    let mut call = Call::new(command, request_json);
    loop {
        if let Some(answer) = call.advance(host)? {
            return Ok(answer.into_json());
        }
    }
}

/// Runs one function to its end, for a shell: never panics, and always returns a response or an error.
pub fn invoke(command: &str, request_json: &str, host: &dyn Host) -> Envelope {
    let mut call = Call::new(command, request_json);
    loop {
        if let Some(envelope) = call.step(host) {
            return envelope;
        }
    }
}

/// A request from JSON; an error names the field, what was expected and what was received.
fn parse<Q: DeserializeOwned>(command: &str, request: &str) -> Result<Q, Error> {
    let request = surrogates::mended(request);
    let mut json = serde_json::Deserializer::from_str(&request);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        bad_field(command, &path, &error.into_inner().to_string())
    })?;
    json.end()
        .map_err(|error| bad_field(command, ".", &error.to_string()))?;
    Ok(parsed)
}

fn bad_field(command: &str, path: &str, reason: &str) -> Error {
    let complaint = Complaint::new(path, reason);
    Error::BadRequest {
        field: match complaint.path.as_str() {
            "" => command.to_string(),
            path => format!("{command}.{path}"),
        },
        expected: complaint.expected,
        actual: complaint.actual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Quiet;

    fn error(command: &str, request: &str) -> (String, String) {
        let envelope: Value =
            serde_json::from_str(&invoke(command, request, &Quiet).json).expect("JSON");
        let text = |key: &str| {
            envelope["error"][key]
                .as_str()
                .unwrap_or_default()
                .to_string()
        };
        (text("code"), text("message"))
    }

    #[test]
    fn a_bad_request_names_the_field_what_was_expected_and_what_was_received() {
        for (request, message) in [
            ("{}", "inspect.model: expected a value, received none"),
            (
                r#"{"model":3}"#,
                "inspect.model: expected a string, received integer 3",
            ),
            (
                r#"{"model":"a","x":1}"#,
                "inspect.x: expected model or architecture, received unknown field x",
            ),
        ] {
            assert_eq!(
                error("inspect", request),
                ("BAD_REQUEST".into(), message.into())
            );
        }
        assert_eq!(error("inspect", "{").0, "BAD_REQUEST");
        assert_eq!(error("inspect", r#"{"model":"a"} x"#).0, "BAD_REQUEST");
        let (code, message) = error("inspect", r#"{"model":"a","x\ud83d":"\ud83d"}"#);
        assert_eq!(code, "BAD_REQUEST");
        assert!(message.contains("unknown field x\u{fffd}"), "{message}");
        let (code, message) = error("nonsense", "{}");
        assert_eq!(code, "BAD_REQUEST");
        assert!(
            message.contains("inspect") && message.contains("nonsense"),
            "{message}"
        );
    }
}
