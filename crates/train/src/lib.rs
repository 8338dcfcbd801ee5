//! What is learned. It knows token ids, not text.

mod optimizer;
mod rate;

pub use optimizer::{AdamW, Optimizer, Prior, Rule};
pub use rate::{Curve, Rate};
