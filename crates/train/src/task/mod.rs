//! What is learned from: examples of a kind of task, on token ids. A kind is one file here.

mod classification;
mod completion;
mod language;
mod similarity;
mod span;

pub use classification::LabelledTexts;
pub use completion::Completions;
pub use language::Windows;
pub use similarity::ScoredPairs;
pub use span::Answers;

use crate::order::shuffled;
use kerf_kernels::Compute;
use kerf_model::backward::Loss;
use kerf_model::evaluate::Typed;
use kerf_model::{Batch, ModelError, Network, WeightSource};
use std::sync::Arc;

/// Examples of a task.
pub trait Examples: Send + Sync {
    /// Number of examples.
    fn count(&self) -> usize;

    /// Tokens of an example.
    fn tokens(&self, example: usize) -> usize;

    /// Some examples as a batch, and their loss.
    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>);

    /// How far the model is from a teacher on the same batch. A teacher of a task with a head has such a head: `WRONG_KIND`,
    /// `TENSOR_MISSING` otherwise.
    fn taught<'a>(
        &'a self,
        chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError>;
}

/// A model that teaches: its network, its weights, and its last hidden states for a batch.
#[derive(Clone, Copy)]
pub struct Teaching<'a> {
    /// The network.
    pub network: &'a Network,
    /// The weights.
    pub weights: &'a dyn WeightSource,
    /// What computes.
    pub compute: &'a Compute,
    /// Last hidden states [tokens, hidden].
    pub states: &'a [f32],
}

/// Some examples of a larger set.
pub struct Part {
    all: Arc<dyn Examples>,
    chosen: Vec<usize>,
}

impl Part {
    fn of(&self, chosen: &[usize]) -> Vec<usize> {
        chosen.iter().map(|index| self.chosen[*index]).collect()
    }
}

impl Examples for Part {
    fn count(&self) -> usize {
        self.chosen.len()
    }

    fn tokens(&self, example: usize) -> usize {
        self.all.tokens(self.chosen[example])
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        self.all.batch(&self.of(chosen))
    }

    fn taught<'a>(
        &'a self,
        chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError> {
        self.all.taught(&self.of(chosen), batch, teacher)
    }
}

/// Examples to learn from, and a share of them (one at least) that is held out, chosen by the seed.
pub fn split(all: Arc<dyn Examples>, held_out: f64, seed: u64) -> (Part, Part) {
    let count = all.count();
    let order = shuffled(count, seed ^ 0x6865_6c64);
    let held = ((held_out * count as f64).round() as usize).clamp(1, count.max(2) - 1);
    let (held, mut learned) = (
        order[..held.min(count)].to_vec(),
        order[held.min(count)..].to_vec(),
    );
    learned.sort_unstable();
    let part = |chosen| Part {
        all: all.clone(),
        chosen,
    };
    (part(learned), part(held))
}

/// At most so many of the examples, chosen by the seed.
pub fn some(all: Arc<dyn Examples>, most: usize, seed: u64) -> Part {
    let mut chosen = shuffled(all.count(), seed ^ 0x736f_6d65);
    chosen.truncate(most);
    chosen.sort_unstable();
    Part { all, chosen }
}

/// Sequences with their types, laid end to end.
fn typed_batch<'t>(texts: impl Iterator<Item = &'t Typed> + Clone) -> Batch {
    let ids: Vec<&[u32]> = texts.clone().map(|text| text.ids.as_slice()).collect();
    let batch = Batch::new(&ids);
    if texts.clone().all(|text| text.types.is_none()) {
        return batch;
    }
    let types = texts.flat_map(|text| match &text.types {
        Some(types) => types.clone(),
        None => vec![0; text.ids.len()],
    });
    batch.with_types(types.collect())
}
