//! What a training computes of its examples: gradients of a step, and the loss of those that are held out.

use super::{Student, Trainer};
use crate::{Teaching, TrainError, TrainOptions};
use kerf_kernels::Compute;
use kerf_model::Batch;
use kerf_model::backward::{
    Gradients, Loss, Place, Sum, hidden_states, loss_and_gradients_keeping,
};
use kerf_run::Host;

impl Trainer {
    /// Mean loss of the held-out examples over what it counts: that of the task, without a teacher.
    pub(super) fn held_out_loss(&self, host: &dyn Host) -> Result<f64, TrainError> {
        let (all, student) = (&self.student.held_out, &self.student);
        let (network, weights) = (&student.network, &student.weights);
        let (mut sum, mut count) = (0.0, 0usize);
        let chosen: Vec<usize> = (0..all.count()).collect();
        for chosen in chosen.chunks(self.options.batch) {
            let (batch, loss) = all.batch(chosen);
            let states = hidden_states(network, &self.compute, weights, &batch)?;
            let place = Place {
                network,
                compute: &self.compute,
                weights,
                batch: &batch,
            };
            let (value, _) = loss.backward(place, &states, 0.0, &mut Gradients::default())?;
            self.cancel.check(host)?;
            sum += value * loss.count() as f64;
            count += loss.count();
        }
        Ok(sum / count.max(1) as f64)
    }

    /// Gradients of some batches together, as the mean over all that they count, with their mean loss and their tokens. A loss that is
    /// not finite comes back without gradients.
    pub(super) fn gradients_of(&mut self, chosen: &[Vec<usize>]) -> Result<(f64, u64), TrainError> {
        self.gradients.clear();
        let examples = &self.student.examples;
        let parts: Vec<(Batch, Box<dyn Loss + '_>)> = (chosen.iter())
            .map(|chosen| examples.batch(chosen))
            .collect();
        let all: usize = parts.iter().map(|(_, loss)| loss.count()).sum();
        let (mut mean, mut tokens) = (0.0, 0);
        for ((batch, loss), chosen) in parts.iter().zip(chosen) {
            let share = loss.count() as f64 / all.max(1) as f64;
            tokens += batch.tokens() as u64;
            let part = Part {
                chosen,
                batch,
                loss: &**loss,
                share: share as f32,
            };
            let gradients = &mut self.gradients;
            mean += share * part.add(&self.compute, &self.student, &self.options, gradients)?;
            if !mean.is_finite() {
                break;
            }
        }
        Ok((mean, tokens))
    }
}

/// One batch of a step.
struct Part<'p> {
    chosen: &'p [usize],
    batch: &'p Batch,
    loss: &'p dyn Loss,
    /// What it counts, of all that the step counts.
    share: f32,
}

impl Part<'_> {
    /// The loss of the batch, that of the teacher included; its gradients are added.
    fn add(
        &self,
        compute: &Compute,
        student: &Student,
        options: &TrainOptions,
        gradients: &mut Gradients,
    ) -> Result<f64, TrainError> {
        let mut backward = |loss: &dyn Loss| {
            let (network, weights) = (&student.network, &student.weights);
            let (batch, share, keep) = (self.batch, self.share, options.keep_bytes);
            let value = loss_and_gradients_keeping(
                network, compute, weights, batch, loss, share, gradients, keep,
            );
            value.map_err(TrainError::from)
        };
        let weight = options.distill as f32;
        let Some((network, weights)) = student.teacher.as_ref().filter(|_| weight > 0.0) else {
            return backward(self.loss);
        };
        let states = hidden_states(network, compute, &**weights, self.batch)?;
        let teaching = Teaching {
            network,
            weights: &**weights,
            compute,
            states: &states,
        };
        let taught = student.examples.taught(self.chosen, self.batch, teaching)?;
        backward(&Sum(vec![(1.0 - weight, self.loss), (weight, &*taught)]))
    }
}
