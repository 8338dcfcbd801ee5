//! What is removed: plan, statistics, solvers, schedules, the resumable job, the receipt.

pub mod activations;
pub mod calibration;
pub mod error;
pub mod event;
pub mod job;
pub mod journal;
pub mod memory;
pub mod methods;
pub mod options;
pub mod overlay;
pub mod pattern;
pub mod plan;
pub mod report;
pub mod schedules;
pub mod sizes;
pub mod solve;
pub mod statistics;

pub use error::CompressError;
pub use event::{Event, Stage};
pub use job::{Job, JobHost, JobInputs, Step};
pub use options::{Options, Settings};
pub use report::{LayerReport, PlanReport, Repair, Report};
