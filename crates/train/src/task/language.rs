//! Windows of text.

use super::{Examples, Teaching};
use kerf_model::backward::{Loss, NextToken, Teacher};
use kerf_model::{Batch, ModelError};

/// Windows of text. The loss is the cross-entropy of each next token.
pub struct Windows(pub Vec<Vec<u32>>);

impl Examples for Windows {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn tokens(&self, example: usize) -> usize {
        self.0[example].len()
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        let windows: Vec<&[u32]> = chosen
            .iter()
            .map(|index| self.0[*index].as_slice())
            .collect();
        let batch = Batch::new(&windows);
        let loss = NextToken::of(&batch, |_| true);
        (batch, Box::new(loss))
    }

    fn taught<'a>(
        &'a self,
        _chosen: &[usize],
        batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError> {
        let tokens = batch
            .starts
            .windows(2)
            .flat_map(|pair| pair[0]..pair[1].max(1) - 1);
        Ok(Box::new(Teacher {
            network: teacher.network,
            weights: teacher.weights,
            states: teacher.states,
            tokens: tokens.collect(),
            pieces: None,
        }))
    }
}
