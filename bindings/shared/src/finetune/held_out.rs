//! The examples of a request: those to learn from, and those that are held out.

use super::examples::{self, Examples, Read};
use super::request::FinetuneRequest;
use super::start::Start;
use crate::encoding::Encoding;
use crate::error::bad_option;
use crate::tasks::{Bench, Windows};
use crate::vectors::{Vectors, Wish};
use crate::{Error, Host};
use kerf_kernels::Compute;
use kerf_run::Stage;
use kerf_train::task::{Answers, Completions, LabelledTexts, ScoredPairs, Windows as Texts};
use kerf_train::{Examples as Learnable, some, split};
use serde_json::Value;
use std::sync::Arc;

/// Tokens of a window of text, of an example of a pair, and of a question's window, at most, where nothing else is said.
const USUAL_TOKENS: usize = 256;
/// Held-out share where no file and no share is given.
const USUAL_SHARE: f64 = 0.05;

/// Most examples that are measured on the way; a file of more is measured as a whole at the end.
const MOST_MEASURED: usize = 512;

/// Examples of a request.
pub struct Held {
    /// To learn from.
    pub examples: Box<dyn Learnable>,
    /// To measure on.
    pub held_out: Box<dyn Learnable>,
    /// How many were cut.
    pub truncated: u64,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl Held {
    /// Reads the files of a request. Errors: those of the files, `BAD_OPTION`.
    pub fn read(
        start: &Start,
        compute: &Compute,
        request: &FinetuneRequest,
        host: &dyn Host,
    ) -> Result<Self, Error> {
        let share = request.options.held_out_share;
        if let (Some(share), Some(_)) = (share, &request.held_out) {
            let expected = "left out beside a file of held-out examples (`heldOut`)";
            return Err(bad_option("heldOutShare", expected, share));
        }
        let share = share.unwrap_or(USUAL_SHARE);
        if !(share > 0.0 && share <= 0.5) {
            return Err(bad_option("heldOutShare", "above 0, at most 0.5", share));
        }
        let bench = Bench {
            model: &start.model,
            compute,
            limit_bytes: request.options.max_memory_bytes,
            host,
            stage: Stage::Evaluate,
            router: None,
            routed: Default::default(),
        };
        let reader = Reader::new(&bench, start, request)?;
        let Read {
            examples,
            truncated,
            mut notes,
        } = reader.read(&request.data)?;
        let learned = reader.learnable(examples)?;
        let seed = request.options.seed;
        let Some(file) = &request.held_out else {
            let (learned, held_out) = split(Arc::from(learned), share, seed);
            return Ok(Self {
                examples: Box::new(learned),
                held_out: Box::new(some(Arc::new(held_out), MOST_MEASURED, seed)),
                truncated,
                notes,
            });
        };
        let held = reader.read(file)?;
        let new = held.notes.into_iter().filter(|note| !notes.contains(note));
        let new: Vec<String> = new.collect();
        notes.extend(new);
        let held_out = reader.learnable(held.examples)?;
        Ok(Self {
            examples: learned,
            held_out: Box::new(some(Arc::from(held_out), MOST_MEASURED, seed)),
            truncated,
            notes,
        })
    }
}

/// Reads files of one task for one model.
struct Reader<'a> {
    bench: &'a Bench<'a>,
    start: &'a Start,
    task: &'a str,
    longest: usize,
    /// Highest score of similarities.
    highest: f64,
}

impl<'a> Reader<'a> {
    fn new(
        bench: &'a Bench<'a>,
        start: &'a Start,
        request: &'a FinetuneRequest,
    ) -> Result<Self, Error> {
        let task = request.task.as_str();
        let most = start.model.network.max_context();
        let usual = match task {
            "answering" => 384.min(most),
            "language" => USUAL_TOKENS.min(most),
            "completion" => most,
            _ => Encoding::of(&start.model).max_tokens.min(USUAL_TOKENS),
        };
        let longest = request.max_tokens.unwrap_or(usual);
        if longest < 2 || longest > most {
            let expected = format!("2 to {most} tokens, the model's maximum");
            return Err(bad_option("maxTokens", &expected, longest));
        }
        let highest = match task {
            "similarity" => examples::highest_score(bench, &request.data)?,
            _ => 1.0,
        };
        Ok(Self {
            bench,
            start,
            task,
            longest,
            highest,
        })
    }

    fn read(&self, path: &str) -> Result<Read, Error> {
        let bench = self.bench;
        match self.task {
            "classification" => {
                let names = self.start.labels.as_deref().unwrap_or_default();
                examples::labels(bench, path, names, self.longest)
            }
            "similarity" => examples::pairs(bench, path, self.highest, self.longest),
            "answering" => {
                let most = self.start.model.network.max_context();
                let windows = Windows::of(most, Some(self.longest), None, None)?;
                examples::spans(bench, path, windows)
            }
            "completion" => examples::completions(bench, path, self.longest),
            _ => examples::windows(bench, path, self.longest),
        }
    }

    fn config(&self) -> Value {
        let config = self.start.model.opened.catalog.files.config.as_ref();
        config.cloned().unwrap_or(Value::Null)
    }

    fn learnable(&self, examples: Examples) -> Result<Box<dyn Learnable>, Error> {
        Ok(match examples {
            Examples::Labels(texts, labels) => Box::new(LabelledTexts {
                config: self.config(),
                texts,
                labels,
            }),
            Examples::Spans(texts, answers) => Box::new(Answers {
                config: self.config(),
                texts,
                answers,
            }),
            Examples::Windows(windows) => Box::new(Texts(windows)),
            Examples::Completions(completions) => Box::new(Completions(completions)),
            Examples::Pairs(texts, scores) => {
                let made = Vectors::of(&self.start.model, self.bench.compute, &Wish::default())?;
                Box::new(ScoredPairs {
                    head: made.head,
                    texts,
                    scores,
                })
            }
        })
    }
}
