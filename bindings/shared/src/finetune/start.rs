//! The model that a training begins with: the head that the task needs is there, or is made.

use crate::open_model::{OpenModel, Runnable};
use crate::storage::Storage;
use crate::{Error, text_file};
use kerf_kernels::Compute;
use kerf_model::{ClassifierHead, FreshHead, Kind, ModelError, Network, Problem};
use kerf_tasks::DataError;
use kerf_tensors::Workspace;
use serde_json::Value;
use std::sync::Arc;

/// A model that is ready to learn a task.
pub struct Start {
    /// The model with its head.
    pub model: Runnable,
    /// Names of its labels, if it is a classifier.
    pub labels: Option<Vec<String>>,
    /// Whether the head is new.
    pub is_fresh: bool,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// What a new head needs.
pub struct Making<'a> {
    /// What computes.
    pub compute: &'a Compute,
    /// Where the data are.
    pub storage: &'a dyn Storage,
    /// Where the model with a new head is kept.
    pub workspace: &'a Arc<dyn Workspace>,
    /// Seed of new values.
    pub seed: u64,
}

impl Making<'_> {
    /// The model with the head of a task; `data` is the file that it learns from. `WRONG_KIND` for a model that cannot have it.
    pub fn of_task(&self, opened: OpenModel, task: &str, data: &str) -> Result<Start, Error> {
        let network = opened.network()?;
        match task {
            "classification" => self.classifier(opened, &network, data),
            "answering" => self.reader(opened, &network),
            "similarity" => match network.labels() {
                None => ready(opened, network),
                Some(class) => Err(wrong(task, "a model that gives vectors", class)),
            },
            _ => match network.labels() {
                None if network.kind() == Kind::Decoder => ready(opened, network),
                other => {
                    let class = other.unwrap_or(network.architecture());
                    Err(wrong(task, "a decoder with a language head", class))
                }
            },
        }
    }

    fn classifier(&self, opened: OpenModel, network: &Network, data: &str) -> Result<Start, Error> {
        let class = network.labels();
        if class.is_some_and(|class| class.ends_with("ForSequenceClassification")) {
            let catalog = &opened.catalog;
            let head = ClassifierHead::load(network, config(&opened), self.compute, catalog)?;
            if head.labels().problem != Problem::SingleLabel {
                let expected = "a classifier that gives each text one label";
                return Err(wrong("classification", expected, class.unwrap_or_default()));
            }
            let labels = head.labels().names.clone();
            return Ok(Start {
                labels: Some(labels),
                ..ready(opened, network.clone())?
            });
        }
        let text = text_file::read(self.storage, data)?;
        let names = super::examples::label_names(&kerf_tasks::classification(data, &text)?);
        if names.len() < 2 {
            return Err(DataError {
                path: data.into(),
                line: 1,
                reason: format!(
                    "all examples have the label {:?}; a classifier learns to tell two or more apart",
                    names.first().map_or("", String::as_str)
                ),
            }
            .into());
        }
        let mut start = self.with_head(opened, network, FreshHead::Labels(&names))?;
        start.labels = Some(names);
        Ok(start)
    }

    fn reader(&self, opened: OpenModel, network: &Network) -> Result<Start, Error> {
        let class = network.labels();
        match class.is_some_and(|class| class.ends_with("ForQuestionAnswering")) {
            true => ready(opened, network.clone()),
            false => self.with_head(opened, network, FreshHead::Span),
        }
    }

    fn with_head(
        &self,
        opened: OpenModel,
        network: &Network,
        head: FreshHead<'_>,
    ) -> Result<Start, Error> {
        let made = network.with_fresh_head(&opened.catalog, head, self.seed)?;
        let note = format!(
            "the model has no head for this task: {} was made, with {} new values",
            made.config["architectures"][0].as_str().unwrap_or_default(),
            made.fresh
                .iter()
                .map(|tensor| tensor.values.len())
                .sum::<usize>()
        );
        let catalog = kerf_train::with_head(self.compute, &opened.catalog, &made, self.workspace)?;
        let opened = OpenModel::of(catalog, opened.path);
        let network = opened.network()?;
        let mut start = ready(opened, network)?;
        start.notes.push(note);
        start.is_fresh = true;
        Ok(start)
    }
}

fn ready(opened: OpenModel, network: Network) -> Result<Start, Error> {
    Ok(Start {
        model: Runnable::of(opened, network),
        labels: None,
        is_fresh: false,
        notes: Vec::new(),
    })
}

fn config(opened: &OpenModel) -> &Value {
    opened.catalog.files.config.as_ref().unwrap_or(&Value::Null)
}

fn wrong(task: &str, expected: &str, architecture: &str) -> Error {
    ModelError::WrongKind {
        operation: format!("finetune on {task}"),
        expected: expected.into(),
        architecture: architecture.into(),
    }
    .into()
}
