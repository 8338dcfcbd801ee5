//! Answers to questions: spans of a context.

use super::texts::{TypedText, batch_with_types};
use super::{Progress, Runner};
use crate::{ModelError, SpanHead, SpanLogits};
use std::ops::Range;

/// A question with a context, as the model reads them. Of a long context each window is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Token ids of question and context, with special tokens.
    pub ids: Vec<u32>,
    /// Type of each token, for models that tell question and context apart.
    pub types: Option<Vec<usize>>,
    /// Tokens of the context: an answer lies in them.
    pub context: Range<usize>,
}

impl AsRef<[u32]> for Question {
    fn as_ref(&self) -> &[u32] {
        &self.ids
    }
}

impl TypedText for Question {
    fn types(&self) -> Option<&[usize]> {
        self.types.as_deref()
    }
}

/// The span of a context that answers best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its first token, by its place in `ids`.
    pub first: usize,
    /// Its last token.
    pub last: usize,
    /// Sum of the logits of start and end. Of several windows the answer is that of the largest.
    pub score: f32,
}

impl SpanLogits {
    /// The span of at most `longest` tokens within `context` with the largest sum of logits; the first of equals. `None` if the
    /// context has no tokens.
    pub fn best(&self, context: Range<usize>, longest: usize) -> Option<Span> {
        let mut best: Option<Span> = None;
        for first in context.clone() {
            for last in first..context.end.min(first + longest) {
                let score = self.start[first] + self.end[last];
                if best.is_none_or(|best| score > best.score) {
                    best = Some(Span { first, last, score });
                }
            }
        }
        best
    }
}

impl Runner<'_> {
    /// The best span of each question, of at most `longest` tokens, in the order given.
    ///
    /// Progress counts questions. `EMPTY` for a question without context, `TOO_LONG`, `BAD_CONFIG` for token types that the model does
    /// not have, `CANCELLED`.
    pub fn answer(
        &mut self,
        questions: &[Question],
        head: &SpanHead,
        longest: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Span>, ModelError> {
        let fits = |question: &&Question| {
            !question.context.is_empty() && question.context.end <= question.ids.len()
        };
        if longest == 0 || questions.iter().filter(fits).count() < questions.len() {
            return Err(ModelError::Empty {
                what: "the context of a question".into(),
                fix: "give one with a token at least".into(),
            });
        }
        let spans = self.over_texts(
            questions,
            batch_with_types,
            progress,
            &mut |runner, own, batch, states| {
                let logits = head.logits(runner.compute, &states);
                let best = |(sequence, index): (usize, &usize)| {
                    let tokens = batch.starts[sequence]..batch.starts[sequence + 1];
                    let logits = SpanLogits {
                        start: logits.start[tokens.clone()].to_vec(),
                        end: logits.end[tokens].to_vec(),
                    };
                    logits.best(questions[*index].context.clone(), longest)
                };
                Ok(own.iter().enumerate().map(best).collect())
            },
        )?;
        Ok(spans.into_iter().flatten().collect())
    }
}
