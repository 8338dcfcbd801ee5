//! What is removed: plan, statistics, solvers, schedules, the resumable job, the report.
//!
//! Each folder is a room, and imports from those below it alone (`tests/arrows.rs`): `estimate` -> `job` -> `plan` -> `prepass` ->
//! `costs` -> `allocate` -> `options` -> `schedules`, `methods` -> `recover` -> `solve`.

pub mod allocate;
pub mod calibration;
mod costs;
pub mod error;
pub mod estimate;
pub mod job;
pub mod measured;
pub mod methods;
pub mod options;
pub mod plan;
pub mod prepass;
#[cfg(feature = "train")]
pub(crate) mod recover;
pub mod report;
pub mod schedules;
pub mod solve;

pub use error::CompressError;
pub use job::{Job, JobInputs, expected_seconds};
pub use options::resolve::Settings;
pub use options::rules::Rule;
pub use options::{Options, presets, rules};
pub use plan::{kept, memory};
pub use report::{LayerReport, PlanReport, Repair, Report, TextUse, Work};
pub use solve::{pattern, statistics};
