//! What a pruning knows while it goes on.

use super::{Cubic, Moment, cut};
use crate::options::PruneOptions;
use crate::{Prior, Rule};
use kerf_kernels::Compute;
use kerf_model::MemoryWeights;
use kerf_model::backward::Gradients;

/// What ranks the weights of the candidates. `tensor` is the index of a candidate.
pub trait Ranking: Send + Sync {
    /// Sees the weights of a candidate and their gradient, times `scale`, before the optimiser moves them.
    fn observe(&mut self, _tensor: usize, _values: &[f32], _gradient: &[f32], _scale: f32) {}

    /// Called when all candidates of a step were seen.
    fn observed(&mut self) {}

    /// Scores of the weights from `first` on whose values are given. Only their order counts, and none may be negative.
    fn scores(&self, tensor: usize, first: usize, values: &[f32], out: &mut [f32]);

    /// The values of removed weights that may come back as they were, if zeros come back so: 0 for weights that are there. Such weights
    /// are held at zero between two cuts.
    fn shelf(&mut self, _tensor: usize) -> Option<&mut [f32]> {
        None
    }

    /// Whether removed weights keep their values on a shelf.
    fn has_shelf(&self) -> bool {
        false
    }

    /// All that it keeps, for a checkpoint: arrays of fixed lengths, in a fixed order.
    fn kept(&mut self) -> Vec<&mut [f32]> {
        Vec::new()
    }
}

/// A pruning on its way.
pub struct Pruning {
    options: PruneOptions,
    schedule: Cubic,
    names: Vec<String>,
    ranking: Box<dyn Ranking>,
    /// Steps done.
    step: u64,
}

impl Pruning {
    /// Before the first of `steps` steps. `names` are the candidates, which are all in `weights`.
    pub fn new(
        options: PruneOptions,
        steps: u64,
        names: Vec<String>,
        weights: &MemoryWeights,
    ) -> Self {
        let at = |share: f64| ((share * steps as f64).round() as u64).clamp(1, steps.max(1));
        let schedule = Cubic {
            initial: options.initial,
            last: options.sparsity,
            start: at(options.start),
            end: at(options.end),
            every: options.every,
        };
        let sizes: Vec<usize> = names
            .iter()
            .map(|name| weights.get(name).map_or(0, <[f32]>::len))
            .collect();
        let ranking = options.pruner.ranking(options.params(), &sizes);
        Self {
            options,
            schedule,
            names,
            ranking,
            step: 0,
        }
    }

    /// Goes on after so many steps; what [`Pruning::kept`] gives must be filled in.
    pub fn resume(&mut self, step: u64) {
        self.step = step;
    }

    /// All that the ranking keeps.
    pub fn kept(&mut self) -> Vec<&mut [f32]> {
        self.ranking.kept()
    }

    fn prunes(&self) -> bool {
        self.options.pruner.prunes()
    }

    /// Whether the zeros are final.
    pub fn is_final(&self) -> bool {
        !self.prunes() || self.step >= self.schedule.end
    }

    /// The step of the last cut.
    pub fn end(&self) -> u64 {
        match self.prunes() {
            true => self.schedule.end,
            false => 0,
        }
    }

    /// The prior of the candidates at the next step.
    fn prior(&self, examples: f64, step_size: f64) -> Option<Prior> {
        let pruner = self.options.pruner;
        if self.prunes() && self.step >= self.schedule.end {
            return None;
        }
        let moment = Moment {
            done: self.schedule.done(self.step),
            step_size,
            examples,
        };
        pruner.prior(self.options.params(), moment)
    }

    /// What the optimiser does to the candidates at the next step, if it does `usual` to others of the kind.
    pub fn rule(&self, usual: Rule, examples: f64, step_size: f64) -> Rule {
        Rule {
            prior: self.prior(examples, step_size),
            hold_zeros: self.prunes() && (self.is_final() || self.ranking.has_shelf()),
            ..usual
        }
    }

    /// Whether a tensor is a candidate.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Sees weights and gradients of a step, before the optimiser moves them.
    pub fn before_step(&mut self, weights: &MemoryWeights, gradients: &Gradients, scale: f64) {
        if self.is_final() {
            return;
        }
        for (tensor, name) in self.names.iter().enumerate() {
            if let (Some(values), Some(gradient)) = (weights.get(name), gradients.get(name)) {
                self.ranking.observe(tensor, values, gradient, scale as f32);
            }
        }
        self.ranking.observed();
    }

    /// Counts the step, and cuts if the schedule says so.
    pub fn after_step(&mut self, compute: &Compute, weights: &mut MemoryWeights) {
        self.step += 1;
        if self.prunes() && self.schedule.cuts(self.step) {
            let sparsity = self.schedule.sparsity(self.step);
            cut(
                compute,
                weights,
                &self.names,
                self.ranking.as_mut(),
                sparsity,
            );
        }
    }

    /// Share of the candidates that the last cut removed. Between two cuts some of them may be back.
    pub fn reached(&self) -> f64 {
        match self.prunes() {
            true => self.schedule.reached(self.step),
            false => 0.0,
        }
    }

    /// Share of the candidates that is zero.
    pub fn sparsity(&self, weights: &MemoryWeights) -> f64 {
        let own = self.names.iter().filter_map(|name| weights.get(name));
        let (mut zeros, mut all) = (0usize, 0usize);
        for values in own {
            zeros += values.iter().filter(|value| **value == 0.0).count();
            all += values.len();
        }
        zeros as f64 / all.max(1) as f64
    }
}
