//! Views of number slices as little-endian bytes, which is how files store numbers; and tasks on slices that can fail.

use kerf_kernels::Pool;
use std::sync::Mutex;

#[cfg(target_endian = "big")]
compile_error!("kerf-tensors reads little-endian files straight into memory");

/// The bytes of a slice of numbers, to read a file into.
pub fn as_bytes_mut<T: Number>(values: &mut [T]) -> &mut [u8] {
    let len = std::mem::size_of_val(values);
    // SAFETY: a `Number` has no padding and every bit pattern is a value. The view has the extent and lifetime of the slice, and
    // a byte needs no alignment.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) }
}

/// The bytes of a slice of numbers, to write to a file.
pub fn as_bytes<T: Number>(values: &[T]) -> &[u8] {
    let len = std::mem::size_of_val(values);
    // SAFETY: as in `as_bytes_mut`.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), len) }
}

/// Numbers without padding for which every bit pattern is a valid value.
///
/// # Safety
/// An implementor has no padding bytes, and every bit pattern is a valid value of it.
pub unsafe trait Number: Copy {}
// SAFETY: primitive numbers have no padding and no invalid bit patterns.
unsafe impl Number for u16 {}
// SAFETY: as above.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for i8 {}

/// Makes a buffer `len` long. The values in it are unspecified: the caller must write over all of them.
pub(crate) fn resize(values: &mut Vec<f32>, len: usize) {
    if values.capacity() < len {
        *values = vec![0.0; len]; // Fresh zero pages cost nothing until the caller writes to them.
    }
    values.resize(len, 0.0);
}

/// Cuts `bytes` at the given ends, which must rise. The bytes after the last end are left out.
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

/// [`Pool::chunks_mut`] with tasks that can fail. It returns the error of the first piece that failed, in the order of the
/// pieces, so that the error does not depend on the threads.
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

/// Lower-case hexadecimal, the form in which digests are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
