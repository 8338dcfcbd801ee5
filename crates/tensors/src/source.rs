//! The two synchronous seams to storage: positioned reads and streamed writes.

use crate::TensorsError;

/// Positioned reads from one file (or blob, or OPFS handle). Synchronous; shared between threads.
pub trait Source: Send + Sync {
    /// What to call it in errors.
    fn name(&self) -> &str;
    /// Size in bytes, fixed for the life of the source.
    fn len_bytes(&self) -> u64;
    /// Fills `buf` from `offset`. Reading past the end is `TRUNCATED`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError>;
}

/// A file that is written once, from start to end.
pub trait Sink: Send {
    /// Appends.
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError>;
    /// Makes everything durable (fsync where there is one) and closes.
    fn finish(self: Box<Self>) -> Result<(), TensorsError>;
}
