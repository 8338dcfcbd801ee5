//! Answers to questions about contexts.

use super::Bench;
use crate::api::Answering;
use crate::error::bad_option;
use crate::running::SHORTER_WINDOWS;
use crate::{Error, text_file};
use kerf_kernels::Compute;
use kerf_model::SpanHead;
use kerf_model::evaluate::{Question, Span, answer_score, mean_scores};
use kerf_model::finite;
use kerf_tasks::Asked;
use kerf_text::{Encoded, Tokenizer, characters};

/// How a long context is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Most tokens of a window, with the question and special tokens.
    pub tokens: usize,
    /// Tokens of the context that neighbours share.
    pub stride: usize,
    /// Most tokens of an answer.
    pub longest_answer: usize,
}

impl Windows {
    /// What was asked for; without it what transformers' run_qa takes (384, 128, 30), and less for a model that reads less. `BAD_OPTION`.
    pub fn of(
        most: usize,
        tokens: Option<usize>,
        stride: Option<usize>,
        longest_answer: Option<usize>,
    ) -> Result<Self, Error> {
        let tokens = tokens.unwrap_or(384.min(most));
        if tokens < 2 || tokens > most {
            let expected = format!("2 to {most} tokens, the model's maximum");
            return Err(bad_option("context", &expected, tokens));
        }
        let stride = stride.unwrap_or(128.min(tokens / 3));
        if stride >= tokens {
            let expected = format!("less than the {tokens} tokens of a window");
            return Err(bad_option("stride", &expected, stride));
        }
        match longest_answer.unwrap_or(30) {
            0 => Err(bad_option("maxAnswer", "at least 1 token", 0)),
            longest_answer => Ok(Self {
                tokens,
                stride,
                longest_answer,
            }),
        }
    }
}

/// Measures a span head on a file; see `kerf_tasks::answering` for its form. A context that is too long is read in windows, and the
/// best span of all windows answers: as transformers' run_qa does it, but of all spans, not of the best 20 starts and ends.
///
/// `WRONG_KIND` for a model without such a head, `BAD_TASK_DATA`, `BAD_OPTION` for a window without room for a question, `NO_TOKENIZER`,
/// `EMPTY`, `NOT_FINITE`, `MEMORY_LIMIT`, `CANCELLED`.
pub fn answering(bench: &Bench<'_>, path: &str, windows: Windows) -> Result<Answering, Error> {
    let (model, compute) = (bench.model, bench.compute);
    bench.need_class("question answering", "a span head", "ForQuestionAnswering")?;
    let head = SpanHead::load(
        &model.network,
        bench.config(),
        compute,
        &model.opened.catalog,
    )?;
    let text = text_file::read(&*bench.host.storage(), path)?;
    let asked = kerf_tasks::answering(path, &text)?;
    let tokenizer = model.opened.tokenizer("question answering")?;
    let (encoded, question_of) = encode(&tokenizer, compute, &asked, windows)?;
    let questions: Vec<Question> = encoded
        .iter()
        .map(|window| Question {
            ids: window.ids.clone(),
            types: bench.types(window.types.clone()),
            context: window.tokens_of(1),
        })
        .collect();
    let longest = questions.iter().map(|question| question.ids.len()).max();
    let running = bench.running(longest.unwrap_or(0), SHORTER_WINDOWS)?;
    let reporter = bench.reporter();
    let progress = &mut |done, total| reporter.report(done, total);
    let mut runner = bench.runner(running);
    let spans = runner.answer(&questions, &head, windows.longest_answer, progress)?;
    bench.count(&runner);
    let mut best: Vec<Option<(usize, Span)>> = vec![None; asked.len()];
    for (window, span) in spans.into_iter().enumerate() {
        finite::metric("logits", &model.opened.path, span.score.into())?;
        let best = &mut best[question_of[window]];
        if best.is_none_or(|(_, best)| span.score > best.score) {
            *best = Some((window, span));
        }
    }
    let scores = asked.iter().zip(&best).map(|(asked, best)| {
        let answer = best.map_or("", |(window, span)| {
            let offsets = &encoded[window].offsets;
            characters(&asked.context, offsets[span.first].0..offsets[span.last].1)
        });
        let right: Vec<&str> = asked
            .answers
            .iter()
            .map(|right| right.text.as_str())
            .collect();
        answer_score(answer, &right)
    });
    let (exact, f1) = mean_scores(&scores.collect::<Vec<_>>()).unwrap_or_default();
    Ok(Answering {
        questions: asked.len() as u64,
        windows: encoded.len() as u64,
        exact,
        f1,
    })
}

/// The windows of all questions, and the question of each window. `BAD_OPTION` for a window without room for a question.
pub fn encode(
    tokenizer: &Tokenizer,
    compute: &Compute,
    asked: &[Asked],
    windows: Windows,
) -> Result<(Vec<Encoded>, Vec<usize>), Error> {
    let size = (windows.tokens, windows.stride);
    let all = compute.pool.map(asked.len(), |index| {
        // Some questions of SQuAD begin with many spaces.
        let question = asked[index].question.trim_start();
        tokenizer.windows(question, &asked[index].context, size)
    });
    let (mut encoded, mut question_of) = (Vec::new(), Vec::new());
    for (index, windows) in all.into_iter().enumerate() {
        let Some(windows) = windows? else {
            let expected = format!(
                "room for a question and more than {} tokens of its context (`stride`); the question {:?} leaves less",
                size.1, asked[index].question
            );
            return Err(bad_option("context", &expected, size.0));
        };
        question_of.extend(vec![index; windows.len()]);
        encoded.extend(windows);
    }
    Ok((encoded, question_of))
}
