//! What is learned. It knows token ids, not text.

mod optimizer;
mod rate;
mod result;
mod start;

pub use optimizer::{AdamW, Optimizer, Prior, Rule};
pub use rate::{Curve, Rate};
pub use result::{OnWritten, write_result};
pub use start::with_head;
