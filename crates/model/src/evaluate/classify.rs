//! Labels of texts, and how many are right.

use super::texts::batch_of;
use super::{Progress, Runner, top};
use crate::{ClassifierHead, ModelError};

impl Runner<'_> {
    /// Logits of each text, one a label, in the order given.
    ///
    /// Progress counts texts. `EMPTY` for a text without tokens, `TOO_LONG`, `CANCELLED`.
    pub fn classify(
        &mut self,
        texts: &[Vec<u32>],
        head: &ClassifierHead,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let labels = head.labels().names.len();
        self.over_texts(
            texts,
            batch_of,
            progress,
            &mut |runner, _, batch, states| {
                let logits = head.logits(runner.compute, batch, &states)?;
                Ok(logits.chunks_exact(labels).map(<[f32]>::to_vec).collect())
            },
        )
    }
}

/// Share of texts whose largest logit is that of their label; of equal logits the first counts. `logits` are those of
/// [`Runner::classify`], `labels` the index of the right label of each text. `EMPTY` without texts.
pub fn accuracy(logits: &[Vec<f32>], labels: &[usize]) -> Result<f64, ModelError> {
    if logits.is_empty() || logits.len() != labels.len() {
        return Err(ModelError::Empty {
            what: "the list of texts with a label".into(),
            fix: "give a label for each text".into(),
        });
    }
    let pairs = logits.iter().zip(labels);
    let right = pairs.filter(|(logits, label)| top(logits) == **label);
    Ok(right.count() as f64 / logits.len() as f64)
}
