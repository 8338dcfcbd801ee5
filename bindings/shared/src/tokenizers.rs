//! The tokenizers of a model, built once each.

use crate::Error;
use kerf_tensors::files::Side;
use kerf_text::Tokenizer;
use std::sync::{Arc, Mutex, PoisonError};

/// Which side of a longer text is cut off, if that is not the tokenizer's own; whether a text is lowercased first.
pub type Variant = (Option<Side>, bool);

/// Tokenizers by variant. A model has one or two.
#[derive(Default)]
pub struct Tokenizers(Mutex<Vec<(Variant, Arc<Tokenizer>)>>);

impl Tokenizers {
    /// The tokenizer of a variant, made by `build` at the first call.
    pub fn get(
        &self,
        variant: Variant,
        build: impl FnOnce() -> Result<Tokenizer, Error>,
    ) -> Result<Arc<Tokenizer>, Error> {
        let mut built = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tokenizer)) = built.iter().find(|(known, _)| *known == variant) {
            return Ok(tokenizer.clone());
        }
        let tokenizer = Arc::new(build()?);
        built.push((variant, tokenizer.clone()));
        Ok(tokenizer)
    }
}
