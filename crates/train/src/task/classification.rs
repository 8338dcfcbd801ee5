//! Texts, or pairs of texts, with one label each.

use super::{Examples, Teaching, typed_batch};
use kerf_model::backward::{Classification, Loss, Wanted};
use kerf_model::evaluate::Typed;
use kerf_model::{Batch, ClassifierHead, ModelError};
use serde_json::Value;

/// Texts with the index of their label. The loss is the cross-entropy of a classifier's head.
pub struct LabelledTexts {
    /// config.json of the model.
    pub config: Value,
    /// The texts.
    pub texts: Vec<Typed>,
    /// Index of the label of each.
    pub labels: Vec<usize>,
}

impl Examples for LabelledTexts {
    fn count(&self) -> usize {
        self.texts.len()
    }

    fn tokens(&self, example: usize) -> usize {
        self.texts[example].ids.len()
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        let batch = typed_batch(chosen.iter().map(|index| &self.texts[*index]));
        let right = chosen.iter().map(|index| self.labels[*index]).collect();
        let loss = Classification {
            config: &self.config,
            wanted: Wanted::Label(right),
        };
        (batch, Box::new(loss))
    }

    /// The teacher's probabilities of the labels: the divergence of the model's from them.
    fn taught<'a>(
        &'a self,
        _chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError> {
        let compute = teacher.compute;
        let head = ClassifierHead::load(teacher.network, &self.config, compute, teacher.weights)?;
        let logits = head.logits(compute, batch, teacher.states)?;
        Ok(Box::new(Classification {
            config: &self.config,
            wanted: Wanted::Logits {
                logits,
                temperature: 1.0,
            },
        }))
    }
}
