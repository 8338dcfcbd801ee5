//! From the name of a function and a JSON request to a JSON response.

use crate::Error;
use crate::{compare, compress, convert, embed, evaluate, generate, inspect, panics};
use kerf_compress::Event;
use kerf_kernels::Stop;
use kerf_tensors::{ErrorData, complaint::Complaint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The host of one call. Called from the thread that does the work.
pub trait Host {
    /// Progress. Must return soon; dropping or merging events is the host's affair (see [`crate::progress`]).
    fn event(&self, event: Event);
    /// Whether the user wants to stop.
    fn cancelled(&self) -> bool;
    /// Stops work in the middle of a unit; asked whenever `cancelled` is true. A host that has no other thread to ask from
    /// gives one that is never asked.
    fn stop(&self) -> Stop {
        Stop::default()
    }
}

type Run = fn(&str, &dyn Host) -> Result<Value, Error>;

/// One function of the API.
struct Command {
    id: &'static str,
    run: Run,
}

/// A row of the table: the id of a function, and the function.
macro_rules! row {
    ($id:literal, $run:path) => {
        Command {
            id: $id,
            run: |request, host| typed($id, request, host, $run),
        }
    };
}

/// All functions: one file and one row each.
const TABLE: &[Command] = &[
    row!("inspect", inspect::inspect),
    row!("plan", compress::plan),
    row!("compress", compress::compress),
    row!("evaluate", evaluate::evaluate),
    row!("compare", compare::compare),
    row!("generate", generate::generate),
    row!("embed", embed::embed),
    row!("convert", convert::convert),
];

/// Names of all functions.
pub fn commands() -> Vec<&'static str> {
    TABLE.iter().map(|command| command.id).collect()
}

/// Runs one function. `BAD_REQUEST` for a name or a request that is not one.
pub fn dispatch(command: &str, request_json: &str, host: &dyn Host) -> Result<Value, ErrorData> {
    let row = TABLE.iter().find(|row| row.id == command);
    let result = match row {
        Some(row) => (row.run)(request_json, host),
        None => Err(Error::BadRequest {
            field: "command".into(),
            expected: format!("one of {}", commands().join(", ")),
            actual: format!("{command:?}"),
        }),
    };
    result.map_err(|error| error.data())
}

/// [`dispatch`] for a shell: never panics, and always returns `{"ok": response}` or `{"error": {code, message, details}}`.
pub fn invoke(command: &str, request_json: &str, host: &dyn Host) -> String {
    let result = catch_unwind(AssertUnwindSafe(|| dispatch(command, request_json, host)))
        .unwrap_or_else(|payload| Err(panics::to_error(&*payload).data()));
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": error }),
    }
    .to_string()
}

/// Reads the request, runs, and writes the response.
fn typed<Q: DeserializeOwned, R: Serialize>(
    command: &str,
    request: &str,
    host: &dyn Host,
    run: impl Fn(Q, &dyn Host) -> Result<R, Error>,
) -> Result<Value, Error> {
    let response = run(parse(command, request)?, host)?;
    serde_json::to_value(response).map_err(|error| Error::Internal {
        reason: format!("the response of {command} cannot be written as JSON: {error}"),
        location: String::new(),
    })
}

/// A request from JSON; an error names the field, what was expected and what was received.
fn parse<Q: DeserializeOwned>(command: &str, request: &str) -> Result<Q, Error> {
    let mut json = serde_json::Deserializer::from_str(request);
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

    struct Quiet;
    impl Host for Quiet {
        fn event(&self, _event: Event) {}
        fn cancelled(&self) -> bool {
            false
        }
    }

    fn error(command: &str, request: &str) -> (String, String) {
        let envelope: Value =
            serde_json::from_str(&invoke(command, request, &Quiet)).expect("JSON");
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
        let (code, message) = error("nonsense", "{}");
        assert_eq!(code, "BAD_REQUEST");
        assert!(
            message.contains("inspect") && message.contains("nonsense"),
            "{message}"
        );
    }
}
