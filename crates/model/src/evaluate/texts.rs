//! Many texts through the blocks: in batches of about the same work, whatever is made of their hidden states.

use super::{Progress, Runner};
use crate::{Batch, ModelError, fill};

/// What becomes of a batch: it gets the batch's texts by index, the batch, and its last hidden states [tokens, hidden], and gives one
/// result for each of these texts.
pub(super) type Use<'a, 'r, R> =
    dyn FnMut(&mut Runner<'r>, &[usize], &Batch, Vec<f32>) -> Result<Vec<R>, ModelError> + 'a;

impl<'r> Runner<'r> {
    /// Runs texts in order of their length, so that a batch holds about the same work, and gives the results in the order of the
    /// texts. `batch_of` makes a batch of some of them by index.
    ///
    /// Progress counts texts. `CANCELLED`, `TOO_LONG`, and what `each` gives.
    pub(super) fn over_texts<T: AsRef<[u32]>, R>(
        &mut self,
        texts: &[T],
        batch_of: fn(&[T], &[usize]) -> Batch,
        progress: &mut Progress<'_>,
        each: &mut Use<'_, 'r, R>,
    ) -> Result<Vec<R>, ModelError> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.as_ref().len()).collect();
        let mut results: Vec<Option<R>> = texts.iter().map(|_| None).collect();
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|index| lengths[*index]);
        let blocks = self.network.blocks() as f64;
        let ordered = order.iter().map(|index| lengths[*index]);
        for range in fill(ordered, self.batch_tokens) {
            let (done, own) = (range.start, &order[range]);
            let mut report = |part: f64| {
                let done = done as f64 + own.len() as f64 * part;
                progress(done as u64, lengths.len() as u64)
            };
            let batch = batch_of(texts, own);
            let states = self.hidden(&batch, &mut |block| report(block as f64 / (blocks + 1.0)))?;
            let given = each(self, own, &batch, states)?;
            assert_eq!(given.len(), own.len(), "one result a text");
            for (index, result) in own.iter().zip(given) {
                results[*index] = Some(result);
            }
            if !report(1.0) {
                return Err(ModelError::Cancelled {});
            }
        }
        Ok(results.into_iter().flatten().collect())
    }
}

/// A text as a model reads it.
pub trait TypedText: AsRef<[u32]> {
    /// The type of each token, where a model tells the parts of a text apart; without it all are of type 0.
    fn types(&self) -> Option<&[usize]>;
}

impl TypedText for Vec<u32> {
    fn types(&self) -> Option<&[usize]> {
        None
    }
}

/// Token ids with their types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Token ids, with special tokens.
    pub ids: Vec<u32>,
    /// See [`TypedText::types`].
    pub types: Option<Vec<usize>>,
}

impl AsRef<[u32]> for Typed {
    fn as_ref(&self) -> &[u32] {
        &self.ids
    }
}

impl TypedText for Typed {
    fn types(&self) -> Option<&[usize]> {
        self.types.as_deref()
    }
}

/// Some texts with their types, by index. Where one has types, the others have type 0.
pub(super) fn batch_with_types<T: TypedText>(texts: &[T], own: &[usize]) -> Batch {
    let batch = batch_of(texts, own);
    let own: Vec<&T> = own.iter().map(|index| &texts[*index]).collect();
    if own.iter().all(|text| text.types().is_none()) {
        return batch;
    }
    let types = own.iter().flat_map(|text| match text.types() {
        Some(types) => types.to_vec(),
        None => vec![0; text.as_ref().len()],
    });
    batch.with_types(types.collect())
}

/// A batch of some texts, by index.
pub(super) fn batch_of<T: AsRef<[u32]>>(texts: &[T], own: &[usize]) -> Batch {
    let sequences: Vec<&[u32]> = own.iter().map(|index| texts[*index].as_ref()).collect();
    Batch::new(&sequences)
}
