//! The plain form of each kernel, always compiled: the oracle of every instruction set, and what `isa: portable` runs.
//!
//! Only operations that IEEE 754 defines to the last bit (no library functions, no fused multiply-add), in a fixed
//! order: so the results are the same bytes on every machine.

pub mod adam;
pub mod admm;
pub(crate) mod compact;
pub mod convert;
pub mod descent;
pub mod elementwise;
pub mod gradients;
pub mod layout;
pub mod math;
pub mod obs;
pub mod pack;
mod panel_grid;
pub mod quantize;
pub mod rows;
pub mod scales;
pub mod scores;
pub(crate) mod sparse;
