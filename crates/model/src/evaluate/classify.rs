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
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let mut logits = vec![Vec::new(); texts.len()];
        let batch = |own: &[usize]| batch_of(texts, own);
        self.over_texts(
            &lengths,
            &batch,
            progress,
            &mut |runner, own, batch, states| {
                let all = head.logits(runner.compute, batch, &states)?;
                let labels = head.labels().names.len();
                for (index, own) in own.iter().zip(all.chunks_exact(labels)) {
                    logits[*index] = own.to_vec();
                }
                Ok(())
            },
        )?;
        Ok(logits)
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
