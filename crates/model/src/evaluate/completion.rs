//! How likely a decoder finds texts, or the ends of texts: of two of them, which it prefers.

use super::texts::batch_of;
use super::windows::targets;
use super::{Progress, Runner};
use crate::ModelError;

/// A text, and where the part begins whose likelihood is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Token ids of the whole text.
    pub ids: Vec<u32>,
    /// Place of the first token that counts, at least 1: the first token of a text is given. A prompt is what stands before it.
    pub from: usize,
}

impl AsRef<[u32]> for Completion {
    fn as_ref(&self) -> &[u32] {
        &self.ids
    }
}

impl Runner<'_> {
    /// Logarithm (nats) of the probability of each completion, given what stands before it: the sum over its tokens.
    ///
    /// Progress counts texts. `WRONG_KIND` for encoders, `EMPTY` for a completion without tokens, `TOO_LONG`, `CANCELLED`.
    pub fn log_likelihoods(
        &mut self,
        texts: &[Completion],
        progress: &mut Progress<'_>,
    ) -> Result<Vec<f64>, ModelError> {
        self.need_decoder("completion")?;
        if texts
            .iter()
            .any(|text| text.from == 0 || text.from >= text.ids.len())
        {
            return Err(ModelError::Empty {
                what: "a completion".into(),
                fix: "give a text with a token at least after those that are given".into(),
            });
        }
        self.over_texts(
            texts,
            batch_of,
            progress,
            &mut |runner, own, batch, states| {
                let losses = runner.losses(&states, &targets(batch))?;
                let sum = |(sequence, index): (usize, &usize)| {
                    // The loss at a token is that of the token after it.
                    let first = batch.starts[sequence] + texts[*index].from - 1;
                    let losses = &losses[first..batch.starts[sequence + 1]];
                    -losses.iter().flatten().sum::<f64>()
                };
                Ok(own.iter().enumerate().map(sum).collect())
            },
        )
    }
}

/// Share of pairs (good, bad) whose good text is more likely, as BLiMP counts. `EMPTY` without pairs.
pub fn preferred(pairs: &[(f64, f64)]) -> Result<f64, ModelError> {
    if pairs.is_empty() {
        return Err(ModelError::Empty {
            what: "the list of pairs".into(),
            fix: "give a pair at least".into(),
        });
    }
    let good = pairs.iter().filter(|(good, bad)| good > bad);
    Ok(good.count() as f64 / pairs.len() as f64)
}
