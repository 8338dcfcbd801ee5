//! The pieces that layer solvers share: exact selection, rounding to a grid, factors with a damping ladder, error measures.

mod cut;
pub mod energy;
pub mod factor;
pub mod obs_loop;
pub mod rounding;
pub mod selection;

/// Rows that one task takes. Fixed, so that results never depend on the number of threads.
pub const PANEL_ROWS: usize = 64;
