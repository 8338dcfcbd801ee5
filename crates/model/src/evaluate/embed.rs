//! Sentence vectors: one a text, in batches.

use super::texts::batch_of;
use super::{Progress, Runner, SentenceHead};
use crate::ModelError;

impl Runner<'_> {
    /// One vector of `head.dimensions()` values per text. Works for decoders too. Texts are taken in order of their length, so that
    /// a batch holds about the same work; the result is in the order given.
    ///
    /// Progress counts texts. `EMPTY` for a text without tokens to pool, `TOO_LONG`, `CANCELLED`.
    pub fn embed(
        &mut self,
        texts: &[Vec<u32>],
        head: &SentenceHead,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        head.check(texts, self.network.hidden())?;
        self.over_texts(
            texts,
            batch_of,
            progress,
            &mut |runner, _, batch, states| Ok(head.apply(runner.compute, batch, states)),
        )
    }
}
