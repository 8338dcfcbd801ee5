//! What the layer solvers share: problems and results, statistics, selection of weights, factors, targets, error measures, and
//! the solvers' stages.

pub mod admm;
pub mod choose;
pub mod columns;
mod cut;
pub mod descent;
pub mod effort;
pub mod energy;
pub mod extent;
pub mod factor;
mod guess;
mod obs_blocks;
pub mod obs_loop;
mod obs_panel;
mod panels;
pub mod pattern;
pub mod pipeline;
pub mod prepare;
pub mod problem;
pub mod rate;
pub mod refit;
pub mod repair;
pub mod rounding_at_rate;
pub mod selection;
pub mod statistics;
pub mod target;

pub use kerf_run::param;

/// Rows in one task. The number is fixed, so that results never depend on the number of threads.
pub const PANEL_ROWS: usize = 64;
