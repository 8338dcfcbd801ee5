//! A whole model learns the predictions of the dense one (decoders), or its vectors and hidden states (encoders).

use super::student::Student;
use super::student_source::Seen;
use super::teach::Task;
use crate::CompressError;
use kerf_kernels::Compute;
use kerf_model::backward::{
    Against, Cosine, Gradients, Loss, MeanSquare, Place, Sum, Teacher, hidden_states,
    loss_and_gradients_keeping,
};
use kerf_model::evaluate::{Pooling, pool};
use kerf_model::{Batch, Kind, ModelError, Network, WeightSource};
use std::ops::Range;

/// Weight of the relative error of hidden states beside 1 minus the cosine.
const OF_STATES: f64 = 0.4;

/// The task of a whole model.
pub(crate) struct WholeTask<'a> {
    pub network: &'a Network,
    pub compute: &'a Compute,
    /// Tensors that do not learn.
    pub base: &'a dyn WeightSource,
    /// The dense model.
    pub dense: &'a dyn WeightSource,
    /// All lessons.
    pub lessons: Vec<Batch>,
    /// Lessons to learn from, and those to watch.
    pub learned: Range<usize>,
    pub watched: Range<usize>,
    /// Bytes that may hold what blocks computed on the way forward.
    pub keep_bytes: u64,
}

impl WholeTask<'_> {
    /// Gives the loss of a lesson to `each`.
    fn with_loss<T>(
        &self,
        batch: &Batch,
        each: impl FnOnce(&dyn Loss) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        let (network, compute) = (self.network, self.compute);
        let states = hidden_states(network, compute, self.dense, batch)?;
        if network.kind() == Kind::Decoder && network.head().is_some() {
            return each(&Teacher {
                network,
                weights: self.dense,
                states: &states,
                tokens: (0..batch.tokens()).collect(),
                pieces: None,
            });
        }
        let hidden = network.hidden();
        let texts = batch.starts.windows(2);
        let vectors: Vec<f32> = texts
            .flat_map(|pair| {
                pool(
                    Pooling::Mean,
                    &states[pair[0] * hidden..pair[1] * hidden],
                    hidden,
                    0,
                )
            })
            .collect();
        let cosine = Cosine {
            pooling: Pooling::Mean,
            against: Against::Vectors(&vectors),
        };
        let square: f64 = states.iter().map(|x| f64::from(*x).powi(2)).sum();
        let weight = OF_STATES * states.len() as f64 / square.max(f64::MIN_POSITIVE);
        let distance = MeanSquare { wanted: &states };
        each(&Sum(vec![(1.0, &cosine), (weight as f32, &distance)]))
    }
}

impl Task for WholeTask<'_> {
    fn lessons(&self) -> usize {
        self.learned.len()
    }

    fn tokens(&self, index: usize) -> usize {
        self.lessons[self.learned.start + index].tokens()
    }

    fn lesson(
        &mut self,
        student: &Student,
        index: usize,
        gradients: &mut Gradients,
    ) -> Result<f64, CompressError> {
        let batch = &self.lessons[self.learned.start + index];
        let seen = Seen {
            student,
            base: self.base,
        };
        let loss = self.with_loss(batch, |loss| {
            let (network, compute) = (self.network, self.compute);
            loss_and_gradients_keeping(
                network,
                compute,
                &seen,
                batch,
                loss,
                1.0,
                gradients,
                self.keep_bytes,
            )
        });
        Ok(loss?)
    }

    fn held(&mut self, student: &Student) -> Result<f64, CompressError> {
        let (network, compute) = (self.network, self.compute);
        let seen = Seen {
            student,
            base: self.base,
        };
        let (mut sum, mut tokens) = (0.0, 0);
        for batch in &self.lessons[self.watched.clone()] {
            let states = hidden_states(network, compute, &seen, batch)?;
            let place = Place {
                network,
                compute,
                weights: &seen,
                batch,
            };
            let value = self.with_loss(batch, |loss| {
                let (value, _) = loss.backward(place, &states, 1.0, &mut Gradients::default())?;
                Ok(value)
            })?;
            sum += value * batch.tokens() as f64;
            tokens += batch.tokens();
        }
        Ok(sum / tokens.max(1) as f64)
    }
}
