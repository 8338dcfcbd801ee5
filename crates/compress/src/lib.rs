//! What is removed: plan, statistics, solvers, schedules, the resumable job, the receipt.

pub mod activations;
pub mod calibration;
mod calibration_check;
pub mod error;
pub mod estimate;
pub mod event;
mod glob;
pub mod job;
pub mod journal;
mod knapsack;
pub mod matrices;
pub mod memory;
pub mod methods;
mod mixed_bits;
pub mod options;
pub mod overlay;
pub mod pattern;
pub mod plan;
pub mod presets;
pub mod report;
pub mod rules;
pub mod schedules;
pub mod settings;
pub mod sizes;
pub mod solve;
pub mod statistics;
mod steps;
pub mod survey;

pub use error::CompressError;
pub use event::{Event, Stage};
pub use job::{Job, JobHost, JobInputs, Step};
pub use options::Options;
pub use report::{LayerReport, PlanReport, Repair, Report, TextUse, Work};
pub use rules::Rule;
pub use settings::Settings;
