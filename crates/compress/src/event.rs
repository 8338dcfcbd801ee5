//! What a host is told while the work goes on.

use serde::{Deserialize, Serialize};

/// A phase of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Fetching a model of the hub into the cache (in Node).
    Download,
    /// Bringing a model to where it can be read, or a result to where it was asked for (in a page).
    Copy,
    /// Reading headers, checking the plan.
    Plan,
    /// Making or reading calibration tokens.
    Calibrate,
    /// Looking at the dense model, before anything is decided by it.
    Survey,
    /// Trying how much each matrix can lose.
    Search,
    /// Statistics of a block's inputs.
    Statistics,
    /// Solving matrices.
    Solve,
    /// Carrying activations through the compressed block.
    Forward,
    /// Comparing the result with the original on text that calibration did not see.
    Measure,
    /// Writing files.
    Write,
    /// Scoring a model on text or pairs.
    Evaluate,
    /// Making vectors of texts.
    Embed,
    /// Writing text.
    Generate,
}

/// Progress of a call, and of one stage of it. A stage counts one thing after another: `done` of a stage and a `unit` never falls and ends
/// at `total`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "ProgressEvent"))]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Which phase.
    pub stage: Stage,
    /// Units done.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub done: u64,
    /// Units in all.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub total: u64,
    /// What is counted: `blocks`, `matrices`, `tokens`, `bytes`, `texts`, `steps`.
    pub unit: String,
    /// What is being worked on: a block, a tensor, a file, or a piece of generated text.
    pub name: String,
    /// Share of the whole call that is done, 0 to 1. It never falls, ends at 1, and grows about as time passes; a run that goes on
    /// after an interruption begins with what was done before.
    pub overall: f64,
}

impl Event {
    /// The same of a larger work, of which that of this event is the part between two shares.
    pub fn within(mut self, from: f64, to: f64) -> Self {
        self.overall = match self.overall {
            whole if whole >= 1.0 => to,
            share => from + (to - from) * share.max(0.0),
        };
        self
    }
}
