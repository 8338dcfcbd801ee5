//! Views of number slices as the little-endian bytes that files have, and pieces of work that may fail.

use kerf_kernels::Pool;
use std::sync::Mutex;

#[cfg(target_endian = "big")]
compile_error!("kerf-tensors reads little-endian files straight into memory");

/// The bytes of a slice of numbers, to read a file into.
pub(crate) fn as_bytes_mut<T: Number>(values: &mut [T]) -> &mut [u8] {
    let len = std::mem::size_of_val(values);
    // SAFETY: a `Number` has no padding and every bit pattern is a value; the view has the same extent and lifetime, and
    // one byte needs no alignment.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) }
}

/// The bytes of a slice of numbers, to write to a file.
pub(crate) fn as_bytes<T: Number>(values: &[T]) -> &[u8] {
    let len = std::mem::size_of_val(values);
    // SAFETY: as in `as_bytes_mut`.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), len) }
}

/// Numbers without padding, of which every bit pattern is a value.
///
/// # Safety
/// An implementor has no padding bytes, and every bit pattern is a valid value of it.
pub(crate) unsafe trait Number: Copy {}
// SAFETY: primitive numbers have no padding and no invalid bit patterns.
unsafe impl Number for u16 {}
// SAFETY: as above.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for i8 {}

/// Makes a buffer `len` long without touching what it holds already; all of it will be written over.
pub(crate) fn resize(values: &mut Vec<f32>, len: usize) {
    if values.capacity() < len {
        *values = vec![0.0; len]; // Fresh zero pages cost nothing until they are written.
    }
    values.resize(len, 0.0);
}

/// Cuts `bytes` at the given ends, which rise; what is after the last is left out.
pub(crate) fn split_at_offsets(
    bytes: &mut [u8],
    ends: impl Iterator<Item = usize>,
) -> Vec<&mut [u8]> {
    let mut rest = bytes;
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in ends {
        let (piece, after) = rest.split_at_mut(end - start);
        pieces.push(piece);
        rest = after;
        start = end;
    }
    pieces
}

/// [`Pool::chunks_mut`] with tasks that may fail. The error is that of the first failing piece, whatever ran first.
pub(crate) fn try_chunks_mut<T: Send, E: Send>(
    pool: &Pool,
    data: &mut [T],
    chunk: usize,
    task: impl Fn(usize, &mut [T]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let first: Mutex<Option<(usize, E)>> = Mutex::new(None);
    pool.chunks_mut(data, chunk, |index, piece| {
        if let Err(error) = task(index, piece) {
            let mut first = first.lock().unwrap_or_else(|held| held.into_inner());
            if first.as_ref().is_none_or(|(at, _)| index < *at) {
                *first = Some((index, error));
            }
        }
    });
    match first.into_inner().unwrap_or_else(|held| held.into_inner()) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Lower-case hexadecimal, as digests are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
