//! A tokenizer that lowercases a text first.

use tokenizers::NormalizerWrapper;
use tokenizers::normalizers::{Lowercase, Sequence};

/// The normalizer with lowercasing before everything else it does; `None` if it lowercases already as a step of its own.
pub(crate) fn lowercase_first(own: Option<&NormalizerWrapper>) -> Option<NormalizerWrapper> {
    let lowercases =
        |normalizer: &NormalizerWrapper| matches!(normalizer, NormalizerWrapper::Lowercase(_));
    let own = match own {
        None => &[][..],
        Some(NormalizerWrapper::Sequence(steps)) => steps.as_ref(),
        Some(one) => std::slice::from_ref(one),
    };
    if own.iter().any(lowercases) {
        return None;
    }
    let mut steps = vec![NormalizerWrapper::Lowercase(Lowercase)];
    steps.extend_from_slice(own);
    Some(NormalizerWrapper::Sequence(Sequence::new(steps)))
}
