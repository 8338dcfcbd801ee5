//! Labels of texts, and how many are right.

use super::texts::{TypedText, batch_with_types};
use super::{Progress, Runner, top};
use crate::{ClassifierHead, ModelError};

impl Runner<'_> {
    /// Logits of each text, one a label, in the order given.
    ///
    /// Progress counts texts. `EMPTY` for a text without tokens, `TOO_LONG`, `BAD_CONFIG` for token types that the model does
    /// not have, `CANCELLED`.
    pub fn classify<T: TypedText>(
        &mut self,
        texts: &[T],
        head: &ClassifierHead,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let labels = head.labels().names.len();
        self.over_texts(
            texts,
            batch_with_types,
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

/// F1 of the label with index 1, where there are two labels: the harmonic mean of precision and recall of what is taken for it. 0 if no
/// text of that label is found. Parameters as those of [`accuracy`].
pub fn f1_of_second(logits: &[Vec<f32>], labels: &[usize]) -> f64 {
    let (mut right, mut found, mut there) = (0, 0, 0);
    for (logits, label) in logits.iter().zip(labels) {
        let is_found = top(logits) == 1;
        found += usize::from(is_found);
        there += usize::from(*label == 1);
        right += usize::from(is_found && *label == 1);
    }
    match found + there {
        0 => 0.0,
        all => 2.0 * right as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scikit-learn's `f1_score`.
    #[test]
    fn f1_is_that_of_the_second_label() {
        let logits = [1, 1, 0, 1, 0, 0].map(|label| vec![0.0, label as f32 - 0.5]);
        assert_eq!(f1_of_second(&logits, &[1, 0, 1, 1, 0, 0]), 2.0 / 3.0);
        assert_eq!(f1_of_second(&logits[4..], &[0, 0]), 0.0);
        assert_eq!(f1_of_second(&logits[..2], &[1, 1]), 1.0);
    }
}
