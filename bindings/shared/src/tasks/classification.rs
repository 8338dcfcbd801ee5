//! Labels of texts and pairs of texts.

use super::Bench;
use crate::api::Classification;
use crate::encoding::Encoding;
use crate::running::FEWER_THREADS;
use crate::{Error, text_file};
use kerf_model::evaluate::{Typed, accuracy, f1_of_second};
use kerf_model::{ClassifierHead, ModelError, Problem, finite};
use kerf_tasks::{Labelled, label_index};

/// Measures a classifier on a file; see `kerf_tasks::classification` for its form. A text longer than the model's maximum is cut, of a pair
/// the longer text first.
///
/// `WRONG_KIND` for a model without such a head, or whose head gives numbers or several labels; `BAD_TASK_DATA`, also for a label that
/// the model does not have; `NO_TOKENIZER`, `EMPTY`, `NOT_FINITE`, `MEMORY_LIMIT`, `CANCELLED`.
pub fn classification(bench: &Bench<'_>, path: &str) -> Result<Classification, Error> {
    let head = head(bench)?;
    let text = text_file::read(&*bench.host.storage(), path)?;
    let examples = kerf_tasks::classification(path, &text)?;
    let names = &head.labels().names;
    let labels = examples
        .iter()
        .map(|example| label_index(path, example, names));
    let labels = labels.collect::<Result<Vec<usize>, _>>()?;
    let (logits, truncated) = logits(bench, &head, &texts_of(&examples))?;
    let two = names.len() == 2;
    Ok(Classification {
        texts: examples.len() as u64,
        truncated,
        accuracy: accuracy(&logits, &labels)?,
        f1: two.then(|| f1_of_second(&logits, &labels)),
        positive: two.then(|| names[1].clone()),
    })
}

/// The head, which gives each text one label. `WRONG_KIND` for any other.
pub fn head(bench: &Bench<'_>) -> Result<ClassifierHead, Error> {
    let (model, catalog) = (bench.model, &bench.model.opened.catalog);
    bench.need_class(
        "classification",
        "a classifier's head",
        "ForSequenceClassification",
    )?;
    let head = ClassifierHead::load(&model.network, bench.config(), bench.compute, catalog)?;
    need_one_label(head.labels().problem, model.network.labels())?;
    Ok(head)
}

/// A text, and the one that makes it a pair.
pub type TextOrPair<'t> = (&'t str, Option<&'t str>);

/// Texts and pairs of a file.
pub fn texts_of(examples: &[Labelled]) -> Vec<TextOrPair<'_>> {
    let texts = examples.iter();
    texts
        .map(|example| (example.text.as_str(), example.second.as_deref()))
        .collect()
}

/// Logits of each text or pair, one a label, and how many were cut.
pub fn logits(
    bench: &Bench<'_>,
    head: &ClassifierHead,
    texts: &[TextOrPair<'_>],
) -> Result<(Vec<Vec<f32>>, u64), Error> {
    let (model, compute) = (bench.model, bench.compute);
    let longest = Encoding::of(model).max_tokens;
    let (texts, truncated) = encode(bench, texts, longest)?;
    let reporter = bench.reporter();
    let mut runner = bench.runner(bench.running(longest, FEWER_THREADS)?);
    let progress = &mut |done, total| reporter.report(done, total);
    let logits = runner.classify(&texts, head, progress)?;
    bench.count(&runner);
    for logits in &logits {
        finite::check(compute, "logits", &model.opened.path, logits)?;
    }
    Ok((logits, truncated))
}

/// Token ids and types of all texts or pairs, of at most so many tokens, and how many were cut.
pub fn encode(
    bench: &Bench<'_>,
    given: &[TextOrPair<'_>],
    longest: usize,
) -> Result<(Vec<Typed>, u64), Error> {
    let tokenizer = bench.model.opened.tokenizer("classification")?;
    let encoded = bench.compute.pool.map(given.len(), |index| {
        let (text, second) = given[index];
        tokenizer.encode_pair_within(text, second, longest)
    });
    let (mut texts, mut truncated) = (Vec::with_capacity(given.len()), 0);
    for encoded in encoded {
        let (encoded, cut) = encoded?;
        truncated += u64::from(cut);
        texts.push(Typed {
            ids: encoded.ids,
            types: bench.types(encoded.types),
        });
    }
    Ok((texts, truncated))
}

/// A file has one label a text.
fn need_one_label(problem: Problem, class: Option<&str>) -> Result<(), Error> {
    let gives = match problem {
        Problem::SingleLabel => return Ok(()),
        Problem::Regression => "numbers (regression)",
        Problem::MultiLabel => "any number of labels a text (multi_label_classification)",
    };
    Err(ModelError::WrongKind {
        operation: "classification".into(),
        expected: "a classifier that gives each text one label".into(),
        architecture: format!(
            "{}, which by its config.json gives {gives},",
            class.unwrap_or_default()
        ),
    }
    .into())
}
