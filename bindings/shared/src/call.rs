//! One call in steps, for a host that has something to do between them.

use crate::answer::{Answer, Envelope};
use crate::dispatch::{Started, Work, begin};
use crate::share::Rising;
use crate::{Error, Host, panics};
use kerf_tensors::ErrorData;
use serde_json::json;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A call of one function. `compress` takes a step for each unit of its job; the others are done in one.
pub struct Call {
    state: State,
    /// Share of the work that the host was told of.
    told: Cell<f64>,
}

enum State {
    Asked { command: String, request: String },
    Going(Box<dyn Work>),
    Over,
}

impl Call {
    /// Nothing is looked at yet: what is wrong with the request, the first step says.
    pub fn new(command: &str, request_json: &str) -> Self {
        Self {
            state: State::Asked {
                command: command.into(),
                request: request_json.into(),
            },
            told: Cell::new(0.0),
        }
    }

    /// Does one step. `None`: there is more to do. At the end, the response or the error, also where the step panicked (and
    /// panics can be caught); later steps give `None`.
    pub fn step(&mut self, host: &dyn Host) -> Option<Envelope> {
        let stepped = catch_unwind(AssertUnwindSafe(|| self.advance(host)))
            .unwrap_or_else(|payload| Err(panics::to_error(&*payload).data()))
            .transpose()?;
        self.state = State::Over;
        Some(match stepped {
            Ok(answer) => answer.into(),
            Err(error) => Envelope {
                json: error_json(&error),
                arrays: Vec::new(),
            },
        })
    }

    /// `{"error": {code, message, details}}` of an error that no step could return.
    pub fn error_json(error: &Error) -> String {
        error_json(&error.data())
    }

    pub(crate) fn advance(&mut self, host: &dyn Host) -> Result<Option<Answer>, ErrorData> {
        let host = &Rising::of(host, &self.told);
        match &mut self.state {
            State::Asked { command, request } => match begin(command, request, host)? {
                Started::Answered(answer) => Ok(Some(answer)),
                Started::Working(work) => {
                    self.state = State::Going(work);
                    Ok(None)
                }
            },
            State::Going(work) => work.step(host).map_err(|error| error.data()),
            State::Over => Ok(None),
        }
    }
}

fn error_json(error: &ErrorData) -> String {
    json!({ "error": error }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Quiet;

    #[test]
    fn a_call_that_is_over_stays_over() {
        let mut call = Call::new("inspect", "{}");
        let first = call.step(&Quiet).expect("one step");
        assert!(first.json.contains("BAD_REQUEST"), "{first:?}");
        assert_eq!(call.step(&Quiet), None);
    }
}
