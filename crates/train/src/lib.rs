//! What is learned: weights that change so that a loss falls, and weights that are removed meanwhile. It knows token ids, not text.
//!
//! A [`Trainer`] has a network, weights in memory, [`Examples`] of a task and [`TrainOptions`]; a host drives it step by step. AdamW is in
//! `optimizer.rs`, the learning rate in `rate.rs`; [`prune`] is a table of ways to remove weights while learning (MGPP, arXiv 2411.00969, and
//! its rivals).

mod checkpoint;
mod error;
mod exact;
pub mod memory;
mod optimizer;
mod options;
mod order;
pub mod prune;
mod rate;
mod result;
mod start;
pub mod task;
mod trainer;

pub use checkpoint::{Checkpoints, Progress};
pub use error::TrainError;
pub use optimizer::{AdamW, Optimizer, Prior, Rule, clipping};
pub use options::{PruneOptions, TrainOptions};
pub use order::{Order, shuffled};
pub use rate::{Curve, Rate};
pub use result::{OnWritten, write_result};
pub use start::with_head;
pub use task::{Examples, Teaching, some, split};
pub use trainer::{Learned, Point, Student, Trainer};
