//! Windows with a question and the span of its answer.

use super::{Examples, Teaching, typed_batch};
use kerf_model::backward::{Loss, SpanOfAnswer, SpanTeacher};
use kerf_model::evaluate::Typed;
use kerf_model::{Batch, ModelError, SpanHead};
use serde_json::Value;

/// Windows with the first and the last token of their answers. The loss is the cross-entropy of both, as transformers has it.
pub struct Answers {
    /// config.json of the model.
    pub config: Value,
    /// The windows.
    pub texts: Vec<Typed>,
    /// First and last token of the answer in each; (0, 0) for a window without it.
    pub answers: Vec<(usize, usize)>,
}

impl Examples for Answers {
    fn count(&self) -> usize {
        self.texts.len()
    }

    fn tokens(&self, example: usize) -> usize {
        self.texts[example].ids.len()
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        let batch = typed_batch(chosen.iter().map(|index| &self.texts[*index]));
        let loss = SpanOfAnswer {
            config: &self.config,
            answers: chosen.iter().map(|index| self.answers[*index]).collect(),
        };
        (batch, Box::new(loss))
    }

    /// The teacher's probabilities of start and end: the divergence of the model's from them.
    fn taught<'a>(
        &'a self,
        _chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError> {
        let compute = teacher.compute;
        let head = SpanHead::load(teacher.network, &self.config, compute, teacher.weights)?;
        let width = teacher.network.hidden();
        let of_text = |pair: &[usize]| {
            let own = &teacher.states[pair[0] * width..pair[1] * width];
            head.logits(compute, own)
        };
        Ok(Box::new(SpanTeacher {
            config: &self.config,
            logits: batch.starts.windows(2).map(of_text).collect(),
            temperature: 1.0,
        }))
    }
}
