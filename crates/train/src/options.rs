//! What a training is told.

use crate::error::bad_option;
use crate::prune::{self, Pruner};
use crate::{AdamW, Rate, TrainError};
use kerf_run::param::Params;

/// What a training is told. Shares are of 1.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Passes over the examples, where `steps` says nothing.
    pub epochs: f64,
    /// Steps of the optimiser.
    pub steps: Option<u64>,
    /// Examples of a batch. Sequences are laid end to end, so that a batch has no padding, whatever their lengths.
    pub batch: usize,
    /// Batches whose gradients are added up for one step.
    pub accumulate: usize,
    /// Learning rate at each step.
    pub rate: Rate,
    /// The optimiser. Norms, biases and other vectors do not decay.
    pub adam: AdamW,
    /// Euclidean norm to which the gradient of a step is clipped; 0 does not clip.
    pub clip: f64,
    /// Seed of the order of the examples.
    pub seed: u64,
    /// Steps between two measurements on the held-out examples.
    pub evaluate_every: u64,
    /// Measurements without a better one after which the training ends; 0 = it goes on to its end.
    pub patience: usize,
    /// Weight of what the teacher says, beside the task, 0 to 1.
    pub distill: f64,
    /// How weights are removed.
    pub prune: PruneOptions,
    /// Bytes of activations that are kept for the way back, instead of being made again. The result does not depend on it.
    pub keep_bytes: u64,
    /// Seconds between two checkpoints. The result does not depend on it.
    pub checkpoint_seconds: f64,
}

/// How weights are removed while learning.
#[derive(Clone, Debug)]
pub struct PruneOptions {
    /// Row of the table.
    pub pruner: &'static dyn Pruner,
    /// Share of the candidates that is zero at the end.
    pub sparsity: f64,
    /// Share that is zero at the first cut.
    pub initial: f64,
    /// Share of the steps before the first cut.
    pub start: f64,
    /// Share of the steps after which the zeros are final.
    pub end: f64,
    /// Steps between two cuts.
    pub every: u64,
    /// Parameters of the row, by name.
    pub params: Vec<(&'static str, f64)>,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            pruner: prune::by_id("dense").expect("a row of the table"),
            sparsity: 0.0,
            initial: 0.3,
            start: 0.1,
            end: 0.9,
            every: 10,
            params: Vec::new(),
        }
    }
}

impl PruneOptions {
    /// Parameters of the row.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.params)
    }
}

impl TrainOptions {
    /// Steps of a training on so many examples: those of `steps`, or as many as the batches of the epochs come to, one at least.
    pub fn steps_of(&self, examples: usize) -> u64 {
        self.steps.unwrap_or_else(|| {
            let in_epoch = examples.div_ceil(self.batch.max(1)) as f64;
            let batches = (self.epochs * in_epoch).ceil();
            ((batches / self.accumulate.max(1) as f64).ceil() as u64).max(1)
        })
    }

    /// `BAD_OPTION` for the first value that cannot be.
    pub fn check(&self) -> Result<(), TrainError> {
        let share = |name: &str, value: f64| range(name, value, 0.0, 1.0);
        positive("epochs", self.epochs)?;
        least("steps", self.steps.unwrap_or(1))?;
        least("batch", self.batch as u64)?;
        least("accumulate", self.accumulate as u64)?;
        least("evaluateEvery", self.evaluate_every)?;
        positive("learningRate", self.rate.peak)?;
        share("endRate", self.rate.end)?;
        share("warmUp", self.rate.warm_up)?;
        range("beta1", self.adam.beta1, 0.0, 0.9999)?;
        range("beta2", self.adam.beta2, 0.0, 0.99999)?;
        positive("eps", self.adam.eps)?;
        range("weightDecay", self.adam.weight_decay, 0.0, 10.0)?;
        range("clip", self.clip, 0.0, f64::MAX)?;
        share("distill", self.distill)?;
        self.prune.check()
    }
}

impl PruneOptions {
    fn check(&self) -> Result<(), TrainError> {
        range("sparsity", self.sparsity, 0.0, 0.99)?;
        range("initialSparsity", self.initial, 0.0, 0.99)?;
        range("pruneStart", self.start, 0.0, 1.0)?;
        range("pruneEnd", self.end, 0.0, 1.0)?;
        least("pruneEvery", self.every)?;
        let id = self.pruner.id();
        match (self.pruner.prunes(), self.sparsity > 0.0) {
            (true, false) => {
                let expected = format!("above 0 for method {id}, which removes weights");
                return Err(bad_option("sparsity", &expected, self.sparsity));
            }
            (false, true) => {
                let expected = format!("0 for method {id}, which removes nothing");
                return Err(bad_option("sparsity", &expected, self.sparsity));
            }
            _ => {}
        }
        if self.pruner.prunes() && self.end < self.start {
            let expected = format!("at least `pruneStart`, {}", self.start);
            return Err(bad_option("pruneEnd", &expected, self.end));
        }
        for (name, value) in &self.params {
            let own = self.pruner.params().iter();
            let Some(param) = own.clone().find(|param| param.name == *name) else {
                let expected = format!("left out for method {id}, which does not have it");
                return Err(bad_option(name, &expected, value));
            };
            if !param.has(*value) {
                return Err(bad_option(name, &param.expected(), value));
            }
        }
        Ok(())
    }
}

fn range(name: &str, value: f64, least: f64, most: f64) -> Result<(), TrainError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let expected = match most == f64::MAX {
        true => format!("a number of at least {least}"),
        false => format!("a number from {least} to {most}"),
    };
    Err(bad_option(name, &expected, value))
}

fn positive(name: &str, value: f64) -> Result<(), TrainError> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(bad_option(name, "a number above 0", value)),
    }
}

fn least(name: &str, value: u64) -> Result<(), TrainError> {
    match value {
        0 => Err(bad_option(name, "a whole number of at least 1", value)),
        _ => Ok(()),
    }
}
