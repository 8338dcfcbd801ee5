//! What each matrix gets of a budget: bits by what a survey says of rounding, or a step by what a probe says of the whole network.

pub(crate) mod allowance;
mod knapsack;
pub mod matrix;
pub(crate) mod mixed_bits;
pub(crate) mod sizes;
pub(crate) mod steps;
