//! What is removed: plan, statistics, solvers, schedules, the resumable job, the receipt.

pub mod error;
pub mod event;
pub mod methods;
pub mod options;
pub mod pattern;
pub mod report;
pub mod schedules;
pub mod solve;
pub mod statistics;

pub use error::CompressError;
pub use event::{Event, Stage};
pub use options::{Options, Settings};
pub use report::{LayerReport, PlanReport, Repair, Report};
