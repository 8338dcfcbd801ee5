//! Sentence vectors: one a text, in batches.

use super::{Progress, Runner, SentenceHead};
use crate::{Batch, ModelError};

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
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|index| texts[*index].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (own, others) = rest.split_at(fitting(texts, rest, self.batch_tokens));
            let done = texts.len() - rest.len();
            self.embed_batch(texts, own, head, &mut vectors, &mut |part| {
                let done = done as f64 + own.len() as f64 * part;
                progress(done as u64, texts.len() as u64)
            })?;
            rest = others;
        }
        Ok(vectors)
    }

    fn embed_batch(
        &mut self,
        texts: &[Vec<u32>],
        own: &[usize],
        head: &SentenceHead,
        vectors: &mut [Vec<f32>],
        progress: &mut dyn FnMut(f64) -> bool,
    ) -> Result<(), ModelError> {
        let sequences: Vec<&[u32]> = own.iter().map(|index| texts[*index].as_slice()).collect();
        let batch = Batch::new(&sequences);
        let blocks = self.network.blocks() as f64;
        let states = self.hidden(&batch, &mut |block| progress(block as f64 / (blocks + 1.0)))?;
        let pooled = head.apply(self.compute, &batch, states);
        for (index, vector) in own.iter().zip(pooled) {
            vectors[*index] = vector;
        }
        if progress(1.0) {
            Ok(())
        } else {
            Err(ModelError::Cancelled {})
        }
    }
}

/// How many of the texts in `order` fit into one batch; at least one.
fn fitting(texts: &[Vec<u32>], order: &[usize], most: usize) -> usize {
    let mut tokens = 0;
    let fit = order.iter().take_while(|index| {
        tokens += texts[**index].len();
        tokens <= most
    });
    fit.count().max(1)
}
