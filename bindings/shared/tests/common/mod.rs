//! A host that remembers, and the models that tests run on.
#![allow(dead_code)]

pub mod edit;
pub mod pipeline;

use kerf_bindings::{Event, Host, dispatch};
use kerf_tensors::ErrorData;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

/// Remembers events; cancels after a number of them.
#[derive(Default)]
pub struct Recorder {
    pub events: RefCell<Vec<Event>>,
    pub cancel_after: Cell<Option<usize>>,
}

impl Host for Recorder {
    fn event(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    fn cancelled(&self) -> bool {
        let limit = self.cancel_after.get();
        limit.is_some_and(|limit| self.events.borrow().len() >= limit)
    }
}

impl Recorder {
    pub fn cancelling_after(events: usize) -> Self {
        let recorder = Self::default();
        recorder.cancel_after.set(Some(events));
        recorder
    }

    /// `done` of a stage never falls, never passes `total`, and ends there.
    pub fn check_progress(&self) {
        let events = self.events.borrow();
        let mut stages: Vec<_> = events.iter().map(|event| event.stage).collect();
        stages.dedup();
        assert!(!stages.is_empty(), "no events");
        for stage in stages {
            let own: Vec<_> = events.iter().filter(|event| event.stage == stage).collect();
            assert!(
                own.windows(2).all(|pair| pair[0].done <= pair[1].done),
                "{stage:?} falls"
            );
            let last = own[own.len() - 1];
            assert_eq!(last.done, last.total, "{stage:?} does not end at its total");
        }
    }
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn stories() -> String {
    text(&repository().join("test/fixtures/stories260K"))
}

pub fn sample() -> String {
    text(&repository().join("test/fixtures/tinystories-sample.txt"))
}

/// A path of the shared folder, or `None` with a word on standard error.
pub fn shared(path: &str) -> Option<String> {
    let full = repository().join("../shared").join(path);
    if full.exists() {
        return Some(text(&full));
    }
    eprintln!("skipped: {} is not there", full.display());
    None
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("a UTF-8 path").into()
}

pub fn ok(command: &str, request: Value) -> Value {
    let host = Recorder::default();
    dispatch(command, &request.to_string(), &host).expect("success")
}

pub fn err(command: &str, request: Value) -> ErrorData {
    let host = Recorder::default();
    dispatch(command, &request.to_string(), &host).expect_err("failure")
}

pub fn f64_of(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no number {key} in {value}"))
}
