//! How a model turns a text into one vector: the whole way from text to numbers.

use crate::Error;
use crate::encoding::Encoding;
use crate::error::bad_option;
use crate::open_model::Runnable;
use crate::reporter::Reporter;
use crate::running::Running;
use kerf_kernels::Compute;
use kerf_model::evaluate::SentenceHead;
use kerf_model::finite;
use kerf_tensors::files::pipeline::{self, Prompts};
use kerf_text::Tokenizer;

/// What a request says about the vectors; where it says nothing, the model decides.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Goes before each text.
    pub prompt: Option<String>,
    /// Name of the model's prompt that goes before each text.
    pub prompt_name: Option<String>,
    /// Numbers of each vector that are kept.
    pub dimensions: Option<usize>,
}

/// The way from texts to vectors.
pub struct Vectors {
    /// From texts to token ids.
    pub encoding: Encoding,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// From hidden states to vectors.
    pub head: SentenceHead,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl Vectors {
    /// The vectors of texts that are token ids. `NOT_FINITE` for one with a number that is none; those of [`kerf_model::evaluate::Runner::embed`].
    pub fn make(
        &self,
        model: &Runnable,
        compute: &Compute,
        running: Running,
        ids: &[Vec<u32>],
        reporter: &Reporter<'_>,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let progress = &mut |done, total| reporter.report(done, total);
        let mut runner = running.runner(model, compute);
        let vectors = runner.embed(ids, &self.head, progress)?;
        for vector in &vectors {
            finite::check(compute, "vectors", &model.opened.path, vector)?;
        }
        Ok(vectors)
    }

    /// As the model's sentence-transformers files say: what `encode` of sentence-transformers 6 computes. `NO_TOKENIZER`;
    /// `BAD_CONFIG` for what kerf cannot compute; `BAD_OPTION` for a prompt that the model does not have and for a number of
    /// dimensions that is none or more than its vectors have.
    pub fn of(model: &Runnable, compute: &Compute, wish: &Wish) -> Result<Self, Error> {
        let files = &model.opened.catalog.files;
        let mut notes = files.notes();
        let vectors = match &files.pipeline {
            Some(pipeline) => pipeline.vectors.clone()?,
            None => {
                notes.push("the model has no sentence-transformers files (modules.json): mean pooling and normalisation were used".into());
                pipeline::Vectors::usual()
            }
        };
        let hidden = model.network.hidden();
        let said = vectors.pooling.dimension;
        if said.is_some_and(|said| said != hidden) {
            notes.push(format!(
                "the module Pooling says that hidden states have {} numbers, but those of the network have {hidden}",
                said.unwrap_or_default()
            ));
        }
        let prompt = prompt(&vectors.prompts, wish, &mut notes)?;
        let encoding = Encoding::of(model).after(prompt);
        let tokenizer = encoding.tokenizer(&model.opened, "embedding")?;
        let folder = &model.opened.catalog.folder;
        let head = SentenceHead::load(compute, folder, &vectors, hidden)?
            .after_prompt(encoding.prompt_tokens(&tokenizer)?);
        let width = head.width();
        if vectors.truncate_dim.is_some_and(|kept| kept > width) {
            notes.push(format!(
                "truncate_dim is more than the {width} numbers of a vector, so all are kept"
            ));
        }
        notes.extend(encoding.notes.iter().cloned());
        Ok(Self {
            head: match wish.dimensions {
                None => head,
                Some(kept) if (1..=width).contains(&kept) => head.keep(kept),
                Some(kept) => {
                    let expected = format!("1 to {width}, the width of the model's vectors");
                    return Err(bad_option("dimensions", &expected, kept));
                }
            },
            encoding,
            tokenizer,
            notes,
        })
    }
}

/// What goes before each text: what is asked for, else the model's default.
fn prompt<'a>(
    prompts: &'a Prompts,
    wish: &'a Wish,
    notes: &mut Vec<String>,
) -> Result<&'a str, Error> {
    match (&wish.prompt, &wish.prompt_name) {
        (Some(prompt), name) => {
            if name.is_some() {
                notes.push(
                    "`promptName` was passed over, since `prompt` says what goes before each text"
                        .into(),
                );
            }
            Ok(prompt)
        }
        (None, Some(name)) => {
            match prompts.named.get(name) {
                Some(prompt) => {
                    if prompt.is_empty() {
                        notes.push(format!(
                            "the prompt {name} is empty: nothing goes before a text"
                        ));
                    }
                    Ok(prompt)
                }
                None => {
                    let known: Vec<&str> = prompts.named.keys().map(String::as_str).collect();
                    let expected = match known.is_empty() {
                    true => "no name, since the model has no prompts of its own (`prompt` gives one)".into(),
                    false => format!("a prompt of the model: one of {}", known.join(", ")),
                };
                    Err(bad_option("promptName", &expected, name))
                }
            }
        }
        (None, None) => {
            let default = prompts.default.as_ref();
            Ok(default.map_or("", |name| &prompts.named[name]))
        }
    }
}
