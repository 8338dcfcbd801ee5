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
    /// Teaching what survived to do what the dense model does.
    Recover,
    /// Changing weights so that a loss falls.
    Learn,
    /// Comparing the result with the original on text that calibration did not see.
    Measure,
    /// Writing files.
    Write,
    /// Scoring a model on text or pairs.
    Evaluate,
    /// Making vectors of texts.
    Embed,
    /// Giving texts labels.
    Classify,
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
    /// An event of a unit that has just begun; [`Event::with_share`] says how far the unit is.
    pub fn new(stage: Stage, done: u64, total: u64, unit: &str, name: &str) -> Self {
        Self {
            stage,
            done,
            total,
            unit: unit.into(),
            name: name.into(),
            overall: 0.0,
        }
    }

    /// The same of a unit of which `done` of `total` is done. Nothing is done of a total of 0.
    pub fn with_share(self, done: u64, total: u64) -> Self {
        let overall = done as f64 / total.max(1) as f64;
        Self { overall, ..self }
    }

    /// The same of a larger work, of which that of this event is the part between two shares.
    pub fn within(mut self, from: f64, to: f64) -> Self {
        self.overall = match self.overall {
            whole if whole >= 1.0 => to,
            share => from + (to - from) * share.max(0.0),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_unit_becomes_that_of_the_work_around_it() {
        let event = Event::new(Stage::Solve, 1, 2, "matrices", "x");
        assert_eq!(event.overall, 0.0);
        let overall = |done, total| {
            let event = event.clone().with_share(done, total);
            event.within(0.5, 0.7).overall
        };
        assert_eq!(overall(0, 4), 0.5);
        assert!((overall(1, 4) - 0.55).abs() < 1e-12);
        // The end is exact, so that shares of one unit after another meet.
        assert_eq!(overall(4, 4), 0.7);
        assert_eq!(overall(0, 0), 0.5);
    }
}
