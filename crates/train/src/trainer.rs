//! A training that a host drives step by step.

mod losses;

use crate::checkpoint::{Checkpoints, Progress};
use crate::error::bad_option;
use crate::exact;
use crate::optimizer::clipping;
use crate::order::Order;
use crate::prune::Pruning;
use crate::{Examples, Optimizer, Rule, TrainError, TrainOptions};
use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_model::{MemoryWeights, ModelError, Network, WeightSource};
use kerf_run::{CancelCheck, Clock, Event, Host, Stage, Step};
use kerf_tensors::{TensorsError, Workspace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Examples of a batch that an error names.
const NAMED: usize = 8;

/// What learns, and from what.
pub struct Student {
    /// The network.
    pub network: Network,
    /// All its weights; those that `learn` names change.
    pub weights: MemoryWeights,
    /// Tensors that learn.
    pub learn: Vec<String>,
    /// Matrices that lose weights; see [`crate::prune::candidates`]. Those that do not learn keep theirs.
    pub candidates: Vec<String>,
    /// Examples to learn from.
    pub examples: Box<dyn Examples>,
    /// Examples to measure on.
    pub held_out: Box<dyn Examples>,
    /// A model that teaches, of the same tokens, with its weights.
    pub teacher: Option<(Network, Arc<dyn WeightSource>)>,
}

/// A look at a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the last look; `None` before the first step.
    #[serde(with = "exact::option")]
    pub loss: Option<f64>,
    /// Loss of the held-out examples.
    #[serde(with = "exact")]
    pub held_out: f64,
    /// Learning rate of the last step.
    #[serde(with = "exact")]
    pub rate: f64,
    /// Share of the candidates that is zero.
    #[serde(with = "exact")]
    pub sparsity: f64,
}

/// What a training did.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The way there; the first point is before the first step.
    pub points: Vec<Point>,
    /// Steps done.
    pub steps: u64,
    /// Step of the weights that are left: those with the least held-out loss, of all steps after the last cut.
    pub best_step: u64,
    /// Held-out loss of these.
    pub best_loss: f64,
    /// Share of the candidates that is zero in them.
    pub sparsity: f64,
    /// Tokens that were learned from.
    pub tokens: u64,
    /// Seconds, those before a stop included.
    pub seconds: f64,
}

/// A training on its way. Each [`Trainer::step`] is one step of the optimiser, or a measurement.
pub struct Trainer {
    compute: Compute,
    /// The same machine for what changes weights: no stop may leave them half changed.
    steady: Compute,
    options: TrainOptions,
    student: Student,
    optimizer: Optimizer,
    gradients: Gradients,
    pruning: Pruning,
    /// Norms, biases and other vectors that learn: they do not decay.
    vectors: BTreeSet<String>,
    order: Order,
    checkpoints: Checkpoints,
    progress: Progress,
    steps: u64,
    cancel: CancelCheck,
    clock: Clock,
    begun: f64,
    /// When the last checkpoint was written.
    kept: f64,
}

impl Trainer {
    /// Checks the options and goes on from the checkpoint in the work folder, if it is one of the same `fingerprint`, which must stand for
    /// all that decides the result. `BAD_OPTION`, `TOO_FEW_EXAMPLES`, `TENSOR_MISSING`.
    pub fn open(
        compute: Compute,
        options: TrainOptions,
        student: Student,
        workspace: Arc<dyn Workspace>,
        fingerprint: &str,
        clock: Clock,
    ) -> Result<Self, TrainError> {
        options.check()?;
        enough(&*student.examples, "to learn from")?;
        enough(&*student.held_out, "to measure on")?;
        if options.distill > 0.0 && student.teacher.is_none() {
            let expected = "0 without a model that teaches";
            return Err(bad_option("distill", expected, options.distill));
        }
        let steps = options.steps_of(student.examples.count());
        let learn = || student.learn.iter().map(String::as_str);
        let optimizer = Optimizer::new(options.adam, &student.weights, learn())?;
        let gradients = Gradients::zeros(&student.weights, learn())?;
        let weights = &student.weights;
        let is_vector = |name: &&str| weights.shape(name).is_some_and(|shape| shape.len() < 2);
        let vectors = learn().filter(is_vector).map(str::to_owned).collect();
        let names = student.candidates.iter();
        let candidates: Vec<String> = names
            .filter(|name| student.learn.contains(name))
            .cloned()
            .collect();
        let pruning = Pruning::new(options.prune.clone(), steps, candidates, &student.weights);
        let checkpoints = Checkpoints::open(workspace, fingerprint)?;
        let begun = clock();
        let mut trainer = Self {
            order: Order::new(student.examples.count(), options.seed),
            cancel: CancelCheck::new(compute.pool.clone(), checkpoints.name()),
            progress: checkpoints.progress().cloned().unwrap_or_default(),
            steady: compute.without_stop(),
            compute,
            options,
            student,
            optimizer,
            gradients,
            pruning,
            vectors,
            checkpoints,
            steps,
            clock,
            begun,
            kept: begun,
        };
        if trainer.checkpoints.progress().is_some() {
            trainer.recall()?;
        }
        Ok(trainer)
    }

    fn recall(&mut self) -> Result<(), TrainError> {
        let others = self.pruning.kept();
        let weights = &mut self.student.weights;
        self.checkpoints
            .recall(weights, &mut self.optimizer, others)?;
        self.pruning.resume(self.progress.step);
        Ok(())
    }

    /// Removes what a training of another fingerprint has left in a work folder. [`Trainer::open`] does it, too; this is for a caller that
    /// puts files of its own there before.
    pub fn prepare(workspace: Arc<dyn Workspace>, fingerprint: &str) -> Result<(), TrainError> {
        Checkpoints::open(workspace, fingerprint)?;
        Ok(())
    }

    /// Whether a training has kept anything in a work folder.
    pub fn is_in(workspace: &dyn Workspace) -> Result<bool, TrainError> {
        Ok(Checkpoints::are_in(workspace)?)
    }

    /// Steps of the whole training.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Steps done, those before a stop included.
    pub fn done(&self) -> u64 {
        self.progress.step
    }

    /// The weights: after the training those with the least held-out loss.
    pub fn weights(&self) -> &MemoryWeights {
        &self.student.weights
    }

    /// Does the next step, or measures. After `CANCELLED` the training may be opened again, and goes on.
    ///
    /// `LOSS_NOT_FINITE`, `CANCELLED`, errors of the network and of the disk.
    pub fn step(&mut self, host: &mut dyn Host) -> Result<Step<Learned>, TrainError> {
        if let Err(cancelled) = self.cancel.check(host) {
            self.keep()?;
            return Err(cancelled.into());
        }
        if self.is_look_due()
            && let Err(error) = self.look(host)
        {
            return Err(self.ended_by(error, host)?);
        }
        if self.progress.step >= self.steps || self.has_lost_patience() {
            return self.end().map(|learned| Step::Done(Box::new(learned)));
        }
        if let Err(error) = self.learn() {
            return Err(self.ended_by(error, host)?);
        }
        self.tell(host);
        if (self.clock)() - self.kept >= self.options.checkpoint_seconds {
            self.keep()?;
        }
        Ok(Step::Continue)
    }

    /// The error that ends a step: `CANCELLED` if the work was stopped, since what a stopped pool computed is worthless. No weight has
    /// changed since the last whole step, so all of it is kept.
    fn ended_by(&mut self, error: TrainError, host: &dyn Host) -> Result<TrainError, TrainError> {
        if let Err(cancelled) = self.cancel.check(host) {
            self.keep()?;
            return Ok(cancelled.into());
        }
        Ok(error)
    }

    fn tell(&self, host: &mut dyn Host) {
        let name = match self.progress.since_steps {
            0 => String::new(),
            steps => format!("loss {:.4}", self.progress.since / steps as f64),
        };
        let (done, total) = (self.progress.step, self.steps);
        let event = Event::new(Stage::Learn, done, total, "steps", &name);
        host.event(event.with_share(done, total));
    }

    fn is_look_due(&self) -> bool {
        let step = self.progress.step;
        let looked = self
            .progress
            .points
            .last()
            .is_some_and(|point| point.step == step);
        let ends = step >= self.steps || (self.pruning.end() > 0 && step == self.pruning.end());
        !looked && (ends || step.is_multiple_of(self.options.evaluate_every))
    }

    fn has_lost_patience(&self) -> bool {
        let patience = self.options.patience;
        patience > 0 && self.pruning.is_final() && self.progress.worse >= patience
    }

    /// Measures the held-out examples, and keeps the weights if they are the best so far.
    fn look(&mut self, host: &mut dyn Host) -> Result<(), TrainError> {
        let step = self.progress.step;
        let held_out = match self.held_out_loss(host) {
            Ok(loss) if !loss.is_finite() => return Err(self.not_finite(step, "held out".into())?),
            Err(error) if is_not_finite(&error) => {
                return Err(self.not_finite(step, "held out".into())?);
            }
            other => other?,
        };
        let sum = std::mem::take(&mut self.progress.since);
        let count = std::mem::take(&mut self.progress.since_steps);
        let last = step.saturating_sub(1);
        self.progress.points.push(Point {
            step,
            loss: (count > 0).then(|| sum / count as f64),
            held_out,
            rate: self.options.rate.at(last, self.steps),
            sparsity: self.pruning.reached(),
        });
        // Before the zeros are final, weights are not what was asked for.
        if !self.pruning.is_final() {
            return Ok(());
        }
        if self.progress.best.is_none_or(|best| held_out < best) {
            self.progress.best = Some(held_out);
            self.progress.best_step = step;
            self.progress.worse = 0;
            self.checkpoints
                .keep_best(&self.progress, &self.student.weights, &self.optimizer)?;
        } else {
            self.progress.worse += 1;
        }
        Ok(())
    }

    /// One step of the optimiser.
    fn learn(&mut self) -> Result<(), TrainError> {
        let (step, size) = (self.progress.step, self.options.batch);
        let batches = self.options.accumulate as u64;
        let chosen: Vec<Vec<usize>> = (0..batches)
            .map(|batch| self.order.batch(step * batches + batch, size).to_vec())
            .collect();
        let found = self.gradients_of(&chosen);
        self.cancel.check_stopped()?;
        let norm = self.gradients.norm(&self.compute);
        self.cancel.check_stopped()?;
        let (loss, tokens) = match found {
            Ok(found) if found.0.is_finite() && norm.is_finite() => found,
            Err(error) if !is_not_finite(&error) => return Err(error),
            _ => return Err(self.not_finite(step + 1, named(&chosen))?),
        };
        let rate = self.options.rate.at(step, self.steps);
        let scale = clipping(norm, self.options.clip);
        self.pruning
            .before_step(&self.student.weights, &self.gradients, scale);
        self.move_weights(rate, scale)?;
        self.pruning
            .after_step(&self.steady, &mut self.student.weights);
        let progress = &mut self.progress;
        progress.step += 1;
        progress.tokens += tokens;
        progress.since += loss;
        progress.since_steps += 1;
        Ok(())
    }

    fn move_weights(&mut self, rate: f64, scale: f64) -> Result<(), TrainError> {
        let (pruning, vectors) = (&self.pruning, &self.vectors);
        let examples = self.student.examples.count() as f64;
        let step_size = self.options.rate.peak;
        let rule = |name: &str| {
            let usual = Rule {
                rate,
                decay: !vectors.contains(name),
                prior: None,
                hold_zeros: false,
            };
            match pruning.has(name) {
                true => pruning.rule(usual, examples, step_size),
                false => usual,
            }
        };
        let weights = &mut self.student.weights;
        self.optimizer
            .step(&self.steady, weights, &self.gradients, scale, rule)?;
        Ok(())
    }

    /// `LOSS_NOT_FINITE` at that step. The first checkpoint is written now if there is none.
    fn not_finite(&mut self, step: u64, examples: String) -> Result<TrainError, TrainError> {
        if self.checkpoints.progress().is_none() {
            self.keep()?;
        }
        let kept = self.checkpoints.progress();
        Ok(TrainError::LossNotFinite {
            step,
            examples,
            rate: self.options.rate.at(step.saturating_sub(1), self.steps),
            kept: kept.map_or(0, |progress| progress.step),
            work_dir: self.checkpoints.name(),
        })
    }

    fn seconds(&self) -> f64 {
        self.progress.seconds + (self.clock)() - self.begun
    }

    /// Writes a checkpoint.
    fn keep(&mut self) -> Result<(), TrainError> {
        let now = (self.clock)();
        self.progress.seconds = self.seconds();
        (self.begun, self.kept) = (now, now);
        let others = self.pruning.kept();
        let weights = &self.student.weights;
        self.checkpoints
            .keep(&self.progress, weights, &self.optimizer, &others)?;
        Ok(())
    }

    /// The best weights are those that are left.
    fn end(&mut self) -> Result<Learned, TrainError> {
        // The last look was at final zeros, so that there is a best.
        let (best_step, best_loss) = (self.progress.best_step, self.progress.best);
        if best_step != self.progress.step {
            self.checkpoints
                .recall_best(&mut self.student.weights, &self.optimizer)?;
        }
        Ok(Learned {
            points: self.progress.points.clone(),
            steps: self.progress.step,
            best_step,
            best_loss: best_loss.unwrap_or(f64::NAN),
            sparsity: self.pruning.sparsity(&self.student.weights),
            tokens: self.progress.tokens,
            seconds: self.seconds(),
        })
    }
}

/// Whether an error says that weights or states are not finite.
fn is_not_finite(error: &TrainError) -> bool {
    let TrainError::Model(error) = error else {
        return false;
    };
    matches!(
        error,
        ModelError::NotFinite { .. } | ModelError::Tensors(TensorsError::NonFinite { .. })
    )
}

/// The first examples of some batches, counted from 1.
fn named(chosen: &[Vec<usize>]) -> String {
    let all = chosen.iter().flatten();
    let shown: Vec<String> = all
        .clone()
        .take(NAMED)
        .map(|at| (at + 1).to_string())
        .collect();
    let more = if all.count() > NAMED { ", ..." } else { "" };
    shown.join(", ") + more
}

fn enough(examples: &dyn Examples, purpose: &str) -> Result<(), TrainError> {
    match examples.count() {
        0 => Err(TrainError::TooFewExamples {
            purpose: purpose.into(),
            count: 0,
            needed: 1,
        }),
        _ => Ok(()),
    }
}
