//! `evaluate` on the files of tasks: one file a kind.

pub mod answering;
pub mod classification;
pub mod completion;
mod writing;

pub use answering::{Windows, answering};
pub use classification::classification;
pub use completion::completion;
pub use writing::writing;

use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::routing::{Chosen, pairs_of};
use crate::running::{Lent, Running};
use crate::{Error, Host};
use kerf_kernels::Compute;
use kerf_model::evaluate::Runner;
use kerf_model::gate::Pairs;
use kerf_model::{Kind, ModelError};
use kerf_run::Stage;
use serde_json::Value;
use std::cell::Cell;

/// What every task is measured with.
pub struct Bench<'a> {
    /// The model.
    pub model: &'a Runnable,
    /// What computes.
    pub compute: &'a Compute,
    /// Most memory of the process, 0 without a limit.
    pub limit_bytes: u64,
    /// Who hears of progress.
    pub host: &'a dyn Host,
    /// What the work is called.
    pub stage: Stage,
    /// The router, if there is one.
    pub router: Option<&'a Chosen>,
    /// What came to the router so far: pairs of prompts, and of tokens behind them.
    pub routed: Cell<[Pairs; 2]>,
}

impl Bench<'_> {
    /// What counts the texts of a task.
    fn reporter(&self) -> Reporter<'_> {
        let path = &self.model.opened.path;
        Reporter::new(self.host, self.stage, "texts", path)
    }

    /// How the model runs on sequences of at most so many tokens. `MEMORY_LIMIT`.
    fn running(&self, longest: usize, fix: &str) -> Result<Running, Error> {
        let models = [self.model];
        Running::of(self.limit_bytes, &models, self.compute, longest, fix)
    }

    /// A runner of the model behind the router.
    fn runner(&self, running: Running) -> Lent<'_> {
        let runner = running.runner(self.model, self.compute);
        match self.router {
            Some(router) => runner.with_gate(router.gate.as_ref()),
            None => runner,
        }
    }

    /// Counts what a runner has skipped.
    fn count(&self, runner: &Runner<'_>) {
        let mut routed = self.routed.get();
        for (sum, own) in routed.iter_mut().zip(pairs_of(runner)) {
            *sum += own;
        }
        self.routed.set(routed);
    }

    /// config.json.
    fn config(&self) -> &Value {
        let config = self.model.opened.catalog.files.config.as_ref();
        config.unwrap_or(&Value::Null)
    }

    /// `WRONG_KIND` unless the class of the model ends so; `head` says what such a class has.
    fn need_class(&self, operation: &str, head: &str, class_end: &str) -> Result<(), Error> {
        let class = self.model.network.labels();
        match class.is_some_and(|class| class.ends_with(class_end)) {
            true => Ok(()),
            false => Err(self.has_not(
                operation,
                &format!("{head} ({class_end} in `architectures` of config.json)"),
            )),
        }
    }

    /// `WRONG_KIND` unless the model has a language head.
    fn need_language(&self, operation: &str) -> Result<(), Error> {
        let network = &self.model.network;
        match network.kind() == Kind::Decoder && network.labels().is_none() {
            true => Ok(()),
            false => Err(self.has_not(operation, "a language head")),
        }
    }

    /// `WRONG_KIND`: which head the model has instead, and what measures it.
    fn has_not(&self, operation: &str, head: &str) -> Error {
        let network = &self.model.network;
        let class = network.labels();
        let has = match class {
            Some(class) if class.ends_with("ForSequenceClassification") => {
                "a classifier's head (measure it with `task`)"
            }
            Some(class) if class.ends_with("ForQuestionAnswering") => {
                "a span head (measure it with `qa`)"
            }
            Some(_) => "a head that kerf does not run",
            None if network.kind() == Kind::Decoder => {
                "a language head (measure it with `text` or `completion`)"
            }
            None => "no head that gives labels or words (measure its vectors with `pairs`)",
        };
        let architecture = class.unwrap_or(network.architecture());
        ModelError::WrongKind {
            operation: operation.into(),
            expected: format!("a model with {head}"),
            architecture: format!("{architecture}, which has {has},"),
        }
        .into()
    }

    /// Types of tokens, if the network knows more than one.
    pub fn types(&self, types: Vec<usize>) -> Option<Vec<usize>> {
        (self.model.network.token_types() > 1).then_some(types)
    }
}
