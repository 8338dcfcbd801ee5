//! The examples of a training as token ids: one reader for each kind of task.

use crate::Error;
use crate::encoding::Encoding;
use crate::error::bad_option;
use crate::tasks::{Bench, Windows, answering, classification, completion};
use crate::text_file::{self, Text};
use crate::text_tokens::TextTokens;
use kerf_model::evaluate::{Completion, Typed};
use kerf_tasks::{Asked, Labelled, label_index};
use kerf_text::Encoded;

/// Examples of one kind.
pub enum Examples {
    /// Texts, or pairs of texts, and the index of the label of each.
    Labels(Vec<Typed>, Vec<usize>),
    /// Pairs of texts, and the cosine that each should have. Texts 2 i and 2 i + 1 are a pair.
    Pairs(Vec<Vec<u32>>, Vec<f32>),
    /// Windows of text.
    Windows(Vec<Vec<u32>>),
    /// Windows with a question, and the first and the last token of the answer of each.
    Spans(Vec<Typed>, Vec<(usize, usize)>),
    /// Completions behind their prompts.
    Completions(Vec<Completion>),
}

/// What was read of a file.
pub struct Read {
    /// The examples.
    pub examples: Examples,
    /// How many of them were cut at the longest that is allowed.
    pub truncated: u64,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl From<Examples> for Read {
    fn from(examples: Examples) -> Self {
        Self {
            examples,
            truncated: 0,
            notes: Vec::new(),
        }
    }
}

/// Names of the labels of a file, for a model that has none yet: sorted. Labels that are all numbers from 0 on get the names that
/// transformers gives, LABEL_0 and so on.
pub fn label_names(examples: &[Labelled]) -> Vec<String> {
    let mut names: Vec<&str> = examples.iter().map(|one| one.label.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let numbers: Option<Vec<usize>> = names.iter().map(|name| name.parse().ok()).collect();
    match numbers.and_then(|numbers| numbers.into_iter().max()) {
        Some(most) if most < 2 * names.len().max(2) => (0..=most.max(1))
            .map(|index| format!("LABEL_{index}"))
            .collect(),
        _ => names.into_iter().map(str::to_owned).collect(),
    }
}

/// Examples of a classification. `BAD_TASK_DATA` for a label that is none of `names`.
pub fn labels(
    bench: &Bench<'_>,
    path: &str,
    names: &[String],
    longest: usize,
) -> Result<Read, Error> {
    let text = text_file::read(&*bench.host.storage(), path)?;
    let examples = kerf_tasks::classification(path, &text)?;
    let labels = examples
        .iter()
        .map(|example| label_index(path, example, names));
    let labels = labels.collect::<Result<Vec<usize>, _>>()?;
    let (texts, truncated) =
        classification::encode(bench, &classification::texts_of(&examples), longest)?;
    Ok(Read {
        truncated,
        ..Examples::Labels(texts, labels).into()
    })
}

/// Pairs whose scores are cosines: scores above 1 are divided by `highest`, that of the training file.
pub fn pairs(bench: &Bench<'_>, path: &str, highest: f64, longest: usize) -> Result<Read, Error> {
    let text = text_file::read(&*bench.host.storage(), path)?;
    let pairs = kerf_tasks::similarity(path, &text)?;
    let mut encoding = Encoding::of(bench.model);
    encoding.max_tokens = longest;
    let tokenizer = encoding.tokenizer(&bench.model.opened, "similarity")?;
    let texts: Vec<&str> = pairs
        .iter()
        .flat_map(|pair| [pair.first.as_str(), pair.second.as_str()])
        .collect();
    let (ids, truncated) = encoding.encode(&tokenizer, bench.compute, &texts)?;
    let scores = pairs
        .iter()
        .map(|pair| (pair.score / highest) as f32)
        .collect();
    Ok(Read {
        truncated: truncated as u64,
        notes: encoding.notes,
        ..Examples::Pairs(ids, scores).into()
    })
}

/// What scores of a file are divided by so that none is above 1.
pub fn highest_score(bench: &Bench<'_>, path: &str) -> Result<f64, Error> {
    let text = text_file::read(&*bench.host.storage(), path)?;
    let pairs = kerf_tasks::similarity(path, &text)?;
    Ok(pairs.iter().fold(1.0, |most, pair| most.max(pair.score)))
}

/// Windows of `window` tokens of a text; a last one that is shorter counts if it has a token that is predicted.
pub fn windows(bench: &Bench<'_>, path: &str, window: usize) -> Result<Read, Error> {
    let text = Text::open(&*bench.host.storage(), path)?;
    let tokenizer = bench.model.opened.tokenizer("language modelling")?;
    let mut tokens = TextTokens::of(text, &tokenizer);
    let ids = tokens.all()?;
    let windows = ids.chunks(window).filter(|window| window.len() > 1);
    let windows: Vec<Vec<u32>> = windows.map(<[u32]>::to_vec).collect();
    if windows.is_empty() {
        return Err(kerf_model::ModelError::Empty {
            what: format!("the text of {path}"),
            fix: "give one with two tokens at least".into(),
        }
        .into());
    }
    Ok(Read {
        notes: tokens.note().into_iter().collect(),
        ..Examples::Windows(windows).into()
    })
}

/// Questions with the span of their first answer, in the windows of their contexts. A window without the whole answer answers with its
/// first token, as transformers' run_qa teaches it.
pub fn spans(bench: &Bench<'_>, path: &str, windows: Windows) -> Result<Read, Error> {
    let text = text_file::read(&*bench.host.storage(), path)?;
    let asked = kerf_tasks::answering(path, &text)?;
    let tokenizer = bench.model.opened.tokenizer("question answering")?;
    let (encoded, question_of) = answering::encode(&tokenizer, bench.compute, &asked, windows)?;
    let mut answers = Vec::with_capacity(encoded.len());
    let mut texts = Vec::with_capacity(encoded.len());
    for (window, question) in encoded.into_iter().zip(question_of) {
        answers.push(span_of(&window, &asked[question]).unwrap_or((0, 0)));
        texts.push(Typed {
            types: bench.types(window.types),
            ids: window.ids,
        });
    }
    if answers.iter().all(|answer| *answer == (0, 0)) {
        let expected = format!("windows that hold an answer of {path}");
        return Err(bad_option("maxTokens", &expected, windows.tokens));
    }
    Ok(Examples::Spans(texts, answers).into())
}

/// The first and the last token of the answer, if the window holds all of it.
fn span_of(window: &Encoded, asked: &Asked) -> Option<(usize, usize)> {
    let answer = asked.answers.first()?;
    let (begin, end) = (answer.start, answer.start + answer.text.chars().count());
    let own = window.tokens_of(1);
    let first = own.clone().find(|token| window.offsets[*token].1 > begin)?;
    let last = own
        .clone()
        .rev()
        .find(|token| window.offsets[*token].0 < end)?;
    let holds = window.offsets[own.start].0 <= begin && window.offsets[own.end - 1].1 >= end;
    (holds && first <= last).then_some((first, last))
}

/// Completions behind their prompts, each with the end token of the model, if it has one.
pub fn completions(bench: &Bench<'_>, path: &str, longest: usize) -> Result<Read, Error> {
    let mut all = completion::continued(bench, path)?;
    let mut truncated = 0;
    // A completion ends: the model learns to stop.
    let end = bench.model.network.eos().first().copied();
    for one in &mut all {
        one.ids.extend(end);
        if one.ids.len() > longest && one.from < longest {
            one.ids.truncate(longest);
            truncated += 1;
        }
    }
    if let Some(long) = all.iter().find(|one| one.ids.len() > longest) {
        let expected = format!(
            "more than the {} tokens of the longest prompt of {path}",
            long.from
        );
        return Err(bad_option("maxTokens", &expected, longest));
    }
    Ok(Read {
        truncated,
        ..Examples::Completions(all).into()
    })
}
