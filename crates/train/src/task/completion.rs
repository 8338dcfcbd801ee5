//! Completions behind their prompts.

use super::{Examples, Teaching};
use kerf_model::backward::{Loss, NextToken, Teacher};
use kerf_model::evaluate::Completion;
use kerf_model::{Batch, ModelError};

/// Completions behind their prompts. The loss is the cross-entropy of the tokens of the completions.
pub struct Completions(pub Vec<Completion>);

impl Completions {
    /// Places of the tokens of completions in a batch.
    fn counted(&self, chosen: &[usize], batch: &Batch) -> Vec<bool> {
        let mut counted = vec![false; batch.tokens()];
        for (sequence, index) in chosen.iter().enumerate() {
            let own = batch.starts[sequence] + self.0[*index].from..batch.starts[sequence + 1];
            counted[own].fill(true);
        }
        counted
    }
}

impl Examples for Completions {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn tokens(&self, example: usize) -> usize {
        self.0[example].ids.len()
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        let texts: Vec<&[u32]> = chosen
            .iter()
            .map(|index| self.0[*index].ids.as_slice())
            .collect();
        let batch = Batch::new(&texts);
        let counted = self.counted(chosen, &batch);
        let loss = NextToken::of(&batch, |place| counted[place]);
        (batch, Box::new(loss))
    }

    fn taught<'a>(
        &'a self,
        chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError> {
        let counted = self.counted(chosen, batch);
        let places = (1..counted.len()).filter(|place| counted[*place]);
        Ok(Box::new(Teacher {
            network: teacher.network,
            weights: teacher.weights,
            states: teacher.states,
            tokens: places.map(|place| place - 1).collect(),
            pieces: None,
        }))
    }
}
