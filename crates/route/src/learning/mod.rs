//! Training of routers (FTP, arXiv 2412.11494): the weights of the model stay as they are, and a router learns which tokens its blocks
//! need least.
//!
//! A step runs the routed model on windows through the runtime itself, and back through the blocks that were computed. Three losses are
//! added up:
//!
//! - distillation: the KL of the routed to the dense model behind the prompts, mean over the predictions of a window, mean over windows;
//! - sparsity: how much fewer tokens than it should a block lets pass by itself (z below 0), if fewer, mean over blocks;
//! - guide: the cross-entropy of sigmoid(z) with what the static rule keeps, mean over tokens and blocks; its weight falls to 0
//!   over the first half of the training.
//!
//! Guide and sparsity are about prompts alone where a strict budget says when a decoded token goes through.
//!
//! A decision is straight-through: the token goes through or not, and the gradient of the decision is that of sigmoid(z). What a
//! decision is worth to the KL is an estimate for tokens that went through and for those that did not (credits of
//! [`kerf_model::Network::backward_routed`]). Under a strict budget a token comes in place of another, so that what counts of a credit is
//! its distance from the mean of the block.

mod decisions;
mod learner;
mod options;
mod recorder;
mod training;
mod way_back;

pub use options::RouterTrainingOptions;

use crate::{RouteError, Schedule};
use kerf_kernels::Compute;
use kerf_model::gate::{HiddenRouter, RouterWeights, StandIn};
use kerf_model::{Network, WeightSource};
use kerf_run::Host;
use kerf_tensors::Workspace;
use std::sync::Arc;

/// What a router learns for, and from what.
pub struct RouterTraining<'a> {
    /// The network, a decoder.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a dyn WeightSource,
    /// The machine.
    pub compute: &'a Compute,
    /// Text: windows whose first `prompt` tokens are a routed prompt, or the first three quarters of one that has no more. Every fourth is
    /// held out.
    pub windows: &'a [Vec<u32>],
    /// See `windows`.
    pub prompt: usize,
    /// How much each block skips.
    pub schedule: &'a Schedule,
    /// Most bytes of decoded blocks that are kept between steps.
    pub keep_bytes: u64,
    /// Names model, text and version: a journal of another name, or of another schedule or options, is cleared.
    pub fingerprint: &'a str,
}

/// A look at a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouterPoint {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the last look; `None` before the first step.
    pub loss: Option<f64>,
    /// KL to the dense model on held-out text, in nats.
    pub kl: f64,
    /// Share of (token, block) pairs that were skipped there.
    pub skipped: f64,
    /// Learning rate of the last step.
    pub rate: f64,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned<W> {
    /// The router with the least held-out KL, or the start if none is better than the static rule.
    pub weights: W,
    /// What skipped tokens get; `None` where none was asked for, or the start is better.
    pub stand_in: Option<StandIn>,
    /// Whether the router is better than the static rule on held-out text at the same schedule.
    pub improved: bool,
    /// Held-out KL of the static rule.
    pub kl_static: f64,
    /// Share of (token, block) pairs that the static rule skips there.
    pub skipped_static: f64,
    /// Held-out KL of the router that is left.
    pub kl_learned: f64,
    /// Share of (token, block) pairs that it skips on held-out text, what stand-ins cost taken off.
    pub skipped: f64,
    /// The way there; the first point is before the first step.
    pub curve: Vec<RouterPoint>,
}

/// A router of four factors, one for all blocks.
pub type LearnedRouter = Learned<RouterWeights>;

/// A router of hidden states.
pub type LearnedHiddenRouter = Learned<HiddenRouter>;

impl RouterTraining<'_> {
    /// Trains the gate `mlp`. After each look all is kept, so a run that was stopped goes on and ends with the same bytes, on any number
    /// of threads.
    ///
    /// Memory beside the decoded blocks: the hidden states before each block for the tokens of a step, twice, and one block at work.
    /// `TOO_FEW_EXAMPLES` for fewer than two windows, `EMPTY`, `WRONG_MODEL` for a schedule of another model, `BAD_OPTION`, `CANCELLED`,
    /// `LOSS_NOT_FINITE`, which tells the step, and what may go wrong with files and model.
    pub fn run(
        &self,
        options: &RouterTrainingOptions,
        workspace: Arc<dyn Workspace>,
        host: &mut dyn Host,
    ) -> Result<LearnedRouter, RouteError> {
        training::train(self, options, workspace, host)
    }

    /// Trains the gate `hidden` in the same way.
    pub fn run_hidden(
        &self,
        options: &RouterTrainingOptions,
        workspace: Arc<dyn Workspace>,
        host: &mut dyn Host,
    ) -> Result<LearnedHiddenRouter, RouteError> {
        training::train(self, options, workspace, host)
    }
}

pub use learner::start_of_router;
