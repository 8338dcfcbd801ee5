//! safetensors: headers, and writing in two phases (plan and stream).

mod header;
mod write;

pub use header::{Header, HeaderTensor};
pub use write::{OutTensor, PlannedFile, WritePlan, plan_files, stream_file};

/// Limits of what a header may contain.
pub mod limits {
    /// Largest header, as in the `safetensors` crate.
    pub const HEADER_BYTES: u64 = 100_000_000;
    /// Most dimensions of a tensor.
    pub const DIMS: usize = 16;
    /// Most tensors in a file.
    pub const TENSORS: usize = 1_000_000;
}
