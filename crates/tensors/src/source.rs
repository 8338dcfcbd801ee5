//! The two synchronous interfaces to storage: positioned reads and streamed writes.

use crate::TensorsError;
use std::sync::Arc;

/// Positioned reads from one file (or blob, or OPFS handle). Synchronous; shared between threads.
pub trait Source: Send + Sync {
    /// Name of the source in errors.
    fn name(&self) -> &str;
    /// Size in bytes. It must not change while the source is open.
    fn len_bytes(&self) -> u64;
    /// Fills `buf` with the bytes from `offset` on. A read past the end is the error `TRUNCATED`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError>;
}

/// Reads a source from its start, one piece after the other, without a copy of the whole.
pub struct SourceReader {
    source: Arc<dyn Source>,
    at: u64,
}

impl SourceReader {
    /// Before the first byte.
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self { source, at: 0 }
    }

    /// Fills `out` with the next bytes. `TRUNCATED` if there are fewer.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<(), TensorsError> {
        self.source.read_at(self.at, out)?;
        self.at += out.len() as u64;
        Ok(())
    }

    /// Bytes behind what was read.
    pub fn left(&self) -> u64 {
        self.source.len_bytes().saturating_sub(self.at)
    }
}

/// A file that is written once, from start to end.
pub trait Sink: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError>;
    /// Closes the file and makes its content durable (fsync where the platform has it).
    fn finish(self: Box<Self>) -> Result<(), TensorsError>;
}

/// Bytes in one read of a sequential pass over a source. A piece of this size stays in the second-level cache.
pub(crate) const PIECE_BYTES: u64 = 1 << 18;

/// Reads `len` bytes from `begin` on, in order, and passes each piece to `each`.
pub(crate) fn in_pieces(
    source: &dyn Source,
    begin: u64,
    len: u64,
    mut each: impl FnMut(&[u8]) -> Result<(), TensorsError>,
) -> Result<(), TensorsError> {
    let mut piece = vec![0; len.min(PIECE_BYTES) as usize];
    let mut done = 0;
    while done < len {
        let count = (len - done).min(PIECE_BYTES) as usize;
        source.read_at(begin + done, &mut piece[..count])?;
        each(&piece[..count])?;
        done += count as u64;
    }
    Ok(())
}
