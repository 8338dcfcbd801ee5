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

/// Bytes that are read at once by what goes through a source: they stay in the second cache.
pub(crate) const PIECE_BYTES: u64 = 1 << 18;

/// Reads `len` bytes from `begin` on, in order, and gives each piece to `each`.
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
