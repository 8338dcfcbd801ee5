//! The pieces that layer solvers share: exact selection, factors with a damping ladder, error measures, targets.

mod cut;
pub mod energy;
pub mod factor;
pub mod obs_loop;
pub mod selection;
pub mod target;

/// Rows that one task takes. Fixed, so that results never depend on the number of threads.
pub const PANEL_ROWS: usize = 64;
