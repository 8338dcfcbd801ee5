//! The training itself: steps, looks at held-out text, and what is kept to go on.

use super::learner::Learner;
use super::{Learned, RouterPoint, RouterTraining, RouterTrainingOptions};
use crate::RouteError;
use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_model::evaluate::{Continuations, Decoded, Prompt, Runner};
use kerf_model::gate::{Gate, Shares, StandIn, StaticGate};
use kerf_model::{MemoryWeights, ModelError};
use kerf_run::{CancelCheck, Event, Host, Stage};
use kerf_tensors::{TensorsError, Workspace};
use kerf_train::{AdamW, Checkpoints, Optimizer, Order, Point, Progress, Rule, TrainError};
use std::marker::PhantomData;
use std::sync::Arc;

/// Every window of this many is held out.
const HELD_OUT: usize = 4;
/// A router that skips less than the static rule by more than this is not compared with it: the ends of a prompt go through beside a
/// budget, and a stand-in costs a little.
const SKIPPED_LESS: f64 = 0.02;
/// Gradients of a router are far smaller than those of a model.
const ADAM: AdamW = AdamW {
    beta1: 0.9,
    // A short memory, since the guide fades.
    beta2: 0.95,
    eps: 1e-10,
    weight_decay: 0.0,
};

/// See [`RouterTraining::run`].
pub fn train<L: Learner>(
    of: &RouterTraining<'_>,
    options: &RouterTrainingOptions,
    workspace: Arc<dyn Workspace>,
    host: &mut dyn Host,
) -> Result<Learned<L>, RouteError> {
    let mut training = Training::<L>::open(of, options, workspace, host)?;
    while !training.step(host)? {}
    training.end()
}

/// A training on its way.
pub(super) struct Training<'a, L> {
    pub(super) of: &'a RouterTraining<'a>,
    pub(super) options: &'a RouterTrainingOptions,
    pub(super) shares: Shares,
    /// The dense model on the windows to learn from, and on those to measure on.
    pub(super) learn: Continuations,
    held_out: Continuations,
    pub(super) decoded: Decoded,
    /// The tensors that learn.
    weights: MemoryWeights,
    optimizer: Optimizer,
    pub(super) gradients: Gradients,
    /// What the blocks work in on the way back; none of their tensors learns.
    pub(super) of_blocks: Gradients,
    order: Order,
    checkpoints: Checkpoints,
    pub(super) progress: Progress,
    cancel: CancelCheck,
    /// For what changes weights: no stop may leave them half changed.
    steady: Compute,
    kl_static: f64,
    skipped_static: f64,
    router: PhantomData<L>,
}

impl<'a, L: Learner> Training<'a, L> {
    fn open(
        of: &'a RouterTraining<'a>,
        options: &'a RouterTrainingOptions,
        workspace: Arc<dyn Workspace>,
        host: &mut dyn Host,
    ) -> Result<Self, RouteError> {
        options.check(of.network.hidden())?;
        let shares = of.schedule.shares(of.network)?;
        let (learn, held_out) = split(of.windows)?;
        let fingerprint = format!(
            "{} {} {:?} {options:?} {}",
            of.fingerprint,
            of.prompt,
            of.schedule.sparsity,
            L::names().join(",")
        );
        let checkpoints = Checkpoints::open(workspace, &fingerprint)?;
        let cancel = CancelCheck::new(of.compute.pool.clone(), checkpoints.name());
        let mut runner = Runner::new(of.network, of.weights, of.compute, of.keep_bytes);
        runner = runner.with_dense_blocks();
        let prompt = Prompt::UpTo(of.prompt);
        let mut dense = |windows| {
            let go_on = &mut |_, _| !host.cancelled();
            Continuations::new(&mut runner, windows, prompt, go_on)
        };
        let (learn, held_out) = (dense(learn)?, dense(held_out)?);
        let decoded = runner.into_decoded();
        let mut weights = MemoryWeights::new();
        L::start(of.network, options.seed).add_to(&mut weights)?;
        if options.rank > 0 {
            let (blocks, hidden) = (of.network.blocks(), of.network.hidden());
            StandIn::new(blocks, hidden, options.rank, options.seed).add_to(&mut weights)?;
        }
        let names: Vec<String> = weights.names().map(str::to_owned).collect();
        let names = || names.iter().map(String::as_str);
        let mut training = Self {
            of,
            options,
            shares,
            order: Order::new(learn.windows(), options.seed),
            learn,
            held_out,
            decoded,
            optimizer: Optimizer::new(ADAM, &weights, names())?,
            gradients: Gradients::zeros(&weights, names())?,
            of_blocks: Gradients::default(),
            weights,
            progress: checkpoints.progress().cloned().unwrap_or_default(),
            checkpoints,
            cancel,
            steady: of.compute.without_stop(),
            kl_static: 0.0,
            skipped_static: 0.0,
            router: PhantomData,
        };
        let rule = StaticGate {
            shares: training.shares.clone(),
        };
        (training.kl_static, training.skipped_static) = training.measure(&rule, host)?;
        if training.checkpoints.progress().is_some() {
            let (weights, optimizer) = (&mut training.weights, &mut training.optimizer);
            training
                .checkpoints
                .recall(weights, optimizer, Vec::new())?;
        }
        Ok(training)
    }

    pub(super) fn runner<'g>(&mut self, gate: &'g dyn Gate) -> Runner<'g>
    where
        'a: 'g,
    {
        let of = self.of;
        let runner = Runner::new(of.network, of.weights, of.compute, of.keep_bytes);
        let runner = runner.with_dense_blocks();
        let runner = runner.with_decoded(std::mem::take(&mut self.decoded));
        runner.with_gate(gate)
    }

    /// KL of the held-out text, and the share of pairs that were skipped.
    fn measure(&mut self, gate: &dyn Gate, host: &dyn Host) -> Result<(f64, f64), RouteError> {
        let prompt = Prompt::UpTo(self.of.prompt);
        let mut runner = self.runner(gate);
        let go_on = &mut |_, _| !host.cancelled();
        let windows = self.held_out.texts();
        let found =
            runner.forced_states(windows, prompt, kerf_model::evaluate::Pace::AtOnce, go_on);
        let states = found.map_err(|error| self.cancelled_or(error, host))?;
        let (mut sum, mut rest) = (0.0, states.as_slice());
        for window in 0..windows.len() {
            let dense = self.held_out.states(window);
            let (own, others) = rest.split_at(dense.len());
            rest = others;
            let kl = runner.kl(dense, own)?;
            sum += mean(&kl);
        }
        let (count, skipped) = (windows.len() as f64, runner.all_pairs().skipped());
        self.decoded = runner.into_decoded();
        self.cancel.check(host)?;
        Ok((sum / count, skipped))
    }

    fn cancelled_or(&self, error: ModelError, host: &dyn Host) -> RouteError {
        match self.cancel.check(host) {
            Err(cancelled) => cancelled.into(),
            Ok(()) => error.into(),
        }
    }

    /// One step, or a look; whether all is done. What a stop leaves is kept.
    fn step(&mut self, host: &mut dyn Host) -> Result<bool, RouteError> {
        let done = self.progress.step;
        let result = match self.is_look_due() {
            true => self.look(host).map(|()| false),
            false if done >= self.options.steps => return Ok(true),
            false => self.learn().map(|()| false),
        };
        if let Err(cancelled) = self.cancel.check(host) {
            self.keep()?;
            return Err(cancelled.into());
        }
        let result = result.map_err(|error| self.named(error))?;
        let (done, total) = (self.progress.step, self.options.steps);
        let name = match self.progress.points.last() {
            Some(point) => format!("KL {:.4}", point.held_out),
            None => String::new(),
        };
        let event = Event::new(Stage::Learn, done, total, "steps", &name);
        host.event(event.with_share(done, total));
        Ok(result)
    }

    /// An error of numbers that are none names the step.
    fn named(&self, error: RouteError) -> RouteError {
        let is_of_numbers = match &error {
            RouteError::Model(ModelError::NotFinite { .. })
            | RouteError::Tensors(TensorsError::NonFinite { .. }) => true,
            RouteError::Model(ModelError::Tensors(error)) => {
                matches!(error, TensorsError::NonFinite { .. })
            }
            _ => false,
        };
        let step = self.progress.step;
        let kept = self.checkpoints.progress();
        match is_of_numbers {
            true => TrainError::LossNotFinite {
                step: step + 1,
                examples: "routed windows".into(),
                rate: self.options.rate().at(step, self.options.steps),
                kept: kept.map_or(0, |progress| progress.step),
                work_dir: self.checkpoints.name(),
            }
            .into(),
            false => error,
        }
    }

    fn is_look_due(&self) -> bool {
        let step = self.progress.step;
        let last = self.progress.points.last();
        let looked = last.is_some_and(|point| point.step == step);
        let due = step.is_multiple_of(self.options.every()) || step >= self.options.steps;
        due && !looked
    }

    pub(super) fn parts(&self) -> Result<(L, Option<StandIn>), RouteError> {
        let (network, compute) = (self.of.network, &self.steady);
        let router = L::open(network, compute, &self.weights)?;
        let (blocks, hidden) = (network.blocks(), network.hidden());
        Ok((
            router,
            StandIn::open(compute, &self.weights, blocks, hidden)?,
        ))
    }

    /// Measures the held-out text, keeps the weights if they are the best so far, and the state in any case.
    fn look(&mut self, host: &dyn Host) -> Result<(), RouteError> {
        let (router, stand_in) = self.parts()?;
        let gate = router.gate(
            self.shares.clone(),
            self.options.strict,
            stand_in.map(Arc::new),
        );
        let (kl, skipped) = self.measure(gate.as_ref(), host)?;
        let kl = kerf_model::finite::metric("distance", &self.of.weights.model(), kl)?;
        let progress = &mut self.progress;
        let (sum, count) = (progress.since, progress.since_steps);
        (progress.since, progress.since_steps) = (0.0, 0);
        let step = progress.step;
        progress.points.push(Point {
            step,
            loss: (count > 0).then(|| sum / count as f64),
            held_out: kl,
            rate: self
                .options
                .rate()
                .at(step.saturating_sub(1), self.options.steps),
            sparsity: skipped,
        });
        let skips_enough = skipped >= self.skipped_static - SKIPPED_LESS;
        if step == 0 || (skips_enough && progress.best.is_none_or(|best| kl < best)) {
            progress.best = Some(kl);
            progress.best_step = step;
            self.checkpoints
                .keep_best(&self.progress, &self.weights, &self.optimizer)?;
        }
        self.keep()
    }

    fn keep(&mut self) -> Result<(), RouteError> {
        let (progress, weights) = (&self.progress, &self.weights);
        Ok(self
            .checkpoints
            .keep(progress, weights, &self.optimizer, &[])?)
    }

    /// One step of the optimiser.
    fn learn(&mut self) -> Result<(), RouteError> {
        let step = self.progress.step;
        let chosen = self.order.batch(step, self.options.batch).to_vec();
        self.gradients.clear();
        let loss = self.gradients_of(&chosen)?;
        self.cancel.check_stopped()?;
        let norm = self.gradients.norm(&self.steady);
        let model = self.of.weights.model();
        kerf_model::finite::metric("the loss of its router", &model, loss + norm)?;
        let rate = self.options.rate().at(step, self.options.steps);
        let rule = |_: &str| Rule {
            rate,
            decay: false,
            prior: None,
            hold_zeros: false,
        };
        self.optimizer
            .step(&self.steady, &mut self.weights, &self.gradients, 1.0, rule)?;
        let progress = &mut self.progress;
        progress.step += 1;
        progress.since += loss;
        progress.since_steps += 1;
        Ok(())
    }

    /// The best router, or the start if the static rule is better.
    fn end(mut self) -> Result<Learned<L>, RouteError> {
        let best = self.progress.best.unwrap_or(f64::INFINITY);
        let improved = best < self.kl_static && self.progress.best_step > 0;
        let point = |step: u64| {
            let mut points = self.progress.points.iter();
            points.find(|point| point.step == step).cloned()
        };
        let left = if improved { self.progress.best_step } else { 0 };
        let left = point(left);
        let curve = self.progress.points.iter().map(|point| RouterPoint {
            step: point.step,
            loss: point.loss,
            kl: point.held_out,
            skipped: point.sparsity,
            rate: point.rate,
        });
        let curve = curve.collect();
        let (weights, stand_in) = match improved {
            true => {
                self.checkpoints
                    .recall_best(&mut self.weights, &self.optimizer)?;
                self.parts()?
            }
            false => (L::start(self.of.network, self.options.seed), None),
        };
        Ok(Learned {
            weights,
            stand_in,
            improved,
            kl_static: self.kl_static,
            skipped_static: self.skipped_static,
            kl_learned: left.as_ref().map_or(f64::NAN, |point| point.held_out),
            skipped: left.map_or(0.0, |point| point.sparsity),
            curve,
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Token ids of windows.
type Windows = Vec<Vec<u32>>;

/// Windows to learn from, and those that are held out. Two windows at least.
fn split(windows: &[Vec<u32>]) -> Result<(Windows, Windows), RouteError> {
    if windows.len() < 2 {
        return Err(TrainError::TooFewExamples {
            purpose: "to learn from".into(),
            count: windows.len(),
            needed: 2,
        }
        .into());
    }
    let every = HELD_OUT.min(windows.len());
    let is_held_out = |at: &usize| at % every == every - 1;
    let of = |held_out: bool| {
        let all = (0..windows.len()).filter(|at| is_held_out(at) == held_out);
        all.map(|at| windows[at].clone()).collect()
    };
    Ok((of(false), of(true)))
}
