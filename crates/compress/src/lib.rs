//! What is removed: plan, statistics, solvers, schedules, the resumable job, the receipt.

pub mod event;
pub mod options;
pub mod report;

pub use event::{Event, Stage};
pub use options::Options;
pub use report::{LayerReport, PlanReport, Repair, Report};
