//! Pairs of texts whose cosine people gave.

use super::{Examples, Teaching};
use kerf_model::backward::{Against, Gradients, Loss, MeanSquare, Place, SentenceCosine};
use kerf_model::evaluate::SentenceHead;
use kerf_model::{Batch, ModelError};

/// Pairs of texts with the cosine that their vectors should have. The loss is the mean squared difference.
pub struct ScoredPairs {
    /// How hidden states become a vector. Its modules stay as they are.
    pub head: SentenceHead,
    /// Token ids: texts 2 i and 2 i + 1 are a pair.
    pub texts: Vec<Vec<u32>>,
    /// The cosine of each pair.
    pub scores: Vec<f32>,
}

/// A cosine loss that owns what it compares with.
struct Owned<'a> {
    head: &'a SentenceHead,
    scores: Vec<f32>,
}

impl Loss for Owned<'_> {
    fn count(&self) -> usize {
        self.scores.len()
    }

    fn backward(
        &self,
        place: Place<'_>,
        states: &[f32],
        share: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Vec<f32>), ModelError> {
        let loss = SentenceCosine {
            head: self.head,
            against: Against::Pairs(&self.scores),
        };
        loss.backward(place, states, share, gradients)
    }
}

impl Examples for ScoredPairs {
    fn count(&self) -> usize {
        self.scores.len()
    }

    fn tokens(&self, example: usize) -> usize {
        self.texts[2 * example].len() + self.texts[2 * example + 1].len()
    }

    fn batch(&self, chosen: &[usize]) -> (Batch, Box<dyn Loss + '_>) {
        let texts: Vec<&[u32]> = chosen
            .iter()
            .flat_map(|index| [&self.texts[2 * index][..], &self.texts[2 * index + 1][..]])
            .collect();
        let loss = Owned {
            head: &self.head,
            scores: chosen.iter().map(|index| self.scores[*index]).collect(),
        };
        (Batch::new(&texts), Box::new(loss))
    }

    fn taught<'a>(
        &'a self,
        _chosen: &[usize],
        _batch: &Batch,
        teacher: Teaching<'a>,
    ) -> Result<Box<dyn Loss + 'a>, ModelError> {
        Ok(Box::new(MeanSquare {
            wanted: teacher.states,
        }))
    }
}
