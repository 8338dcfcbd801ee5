//! Reads some rows of an encoded matrix without the others.

use super::layout::{BLOCK_ROWS, Layout};
use super::promises::stored_rowptr;
use super::{EncodedPart, TensorRecord, coded, encode};
use crate::DType;
use std::ops::Range;

/// Reads a range of rows of an encoded matrix. Whole blocks or chunks of rows are an encoded matrix of their own, with the same
/// grid.
///
/// `read(part, range)` must read a range of a part, and `bytes(part)` must give the part's length. Returns the first row of the
/// smaller matrix, its record and its parts.
pub(crate) fn rows<E: From<String>>(
    record: &TensorRecord,
    rows: Range<usize>,
    bytes: impl Fn(&str) -> usize,
    mut read: impl FnMut(&str, Range<usize>) -> Result<Vec<u8>, E>,
) -> Result<(usize, TensorRecord, Vec<EncodedPart>), E> {
    let whole = Layout::new(record)?;
    if whole.coded {
        return coded_rows(record, &whole, rows, bytes("coded"), read);
    }
    let blocks = (rows.start / BLOCK_ROWS).min(whole.blocks)
        ..rows.end.div_ceil(BLOCK_ROWS).min(whole.blocks);
    let rows =
        (blocks.start * BLOCK_ROWS).min(whole.rows)..(blocks.end * BLOCK_ROWS).min(whole.rows);
    let mut record = record.clone();
    record.shape[0] = rows.len();
    let part = Layout::new(&record)?;
    let mut counts = whole.full_counts();
    if whole.masked {
        let width = (whole.count_dtype().bits() / 8) as usize;
        let rowptr = read("rowptr", 0..(whole.blocks + 1) * width)?;
        counts = counts_of(&whole, &stored_rowptr(&whole, &rowptr))?;
    }
    let offsets = whole.offsets(&counts);
    let parts = parts_of_rows(&part, &rows, &mut read, |name, read| match name {
        "rowptr" => Ok(encode::rowptr(part.count_dtype(), &counts[blocks.clone()])),
        _ => {
            let place = offsets[blocks.start]..offsets[blocks.end];
            let mut bytes = read(name, place.clone())?;
            bytes.resize(part.padded(place.len()), 0);
            Ok(bytes)
        }
    })?;
    Ok((rows.start, record, parts))
}

/// [`rows`] for an entropy-coded matrix, in whole chunks.
fn coded_rows<E: From<String>>(
    record: &TensorRecord,
    whole: &Layout,
    rows: Range<usize>,
    bytes: usize,
    mut read: impl FnMut(&str, Range<usize>) -> Result<Vec<u8>, E>,
) -> Result<(usize, TensorRecord, Vec<EncodedPart>), E> {
    let all = coded::Chunks::new(whole);
    let chunks = all.of_rows(&rows);
    let rows = all.rows(&chunks);
    let mut record = record.clone();
    record.shape[0] = rows.len();
    record.kept = None; // The record has the number of the whole matrix.
    let part = Layout::new(&record)?;
    let parts = parts_of_rows(&part, &rows, &mut read, |name, read| {
        coded::some_chunks(whole, &part, chunks.clone(), bytes, |range| {
            read(name, range)
        })
    })?;
    Ok((rows.start, record, parts))
}

/// The parts of a matrix that consists of the rows `rows` of another. Rows of scales and masks are read here; `other` makes the
/// other parts.
fn parts_of_rows<E, R: FnMut(&str, Range<usize>) -> Result<Vec<u8>, E>>(
    part: &Layout,
    rows: &Range<usize>,
    read: &mut R,
    other: impl Fn(&str, &mut R) -> Result<Vec<u8>, E>,
) -> Result<Vec<EncodedPart>, E> {
    let one = |(name, dtype, shape): (&'static str, DType, Option<Vec<usize>>)| {
        let bytes = match (name, &shape) {
            ("scales" | "mask", Some(shape)) => {
                let size = shape[1] * (dtype.bits() / 8) as usize;
                read(name, rows.start * size..rows.end * size)?
            }
            _ => other(name, read)?,
        };
        Ok(EncodedPart {
            part: name,
            dtype,
            shape: shape.unwrap_or_else(|| vec![bytes.len() / (dtype.bits() / 8) as usize]),
            bytes,
        })
    };
    part.parts().into_iter().map(one).collect()
}

/// Number of survivors in each block, by `rowptr` alone. `rowptr` must start at 0, must not fall, and must not exceed the size of
/// a block.
fn counts_of(layout: &Layout, rowptr: &[u64]) -> Result<Vec<usize>, String> {
    let full = layout.full_counts();
    let steps = rowptr.windows(2).zip(&full).enumerate();
    let mut counts = Vec::with_capacity(full.len());
    for (block, (pair, &full)) in steps {
        match pair[1].checked_sub(pair[0]) {
            Some(count) if count <= full as u64 => counts.push(count as usize),
            _ => return Err(format!("rowptr[{}] is out of range", block + 1)),
        }
    }
    match rowptr.first() {
        Some(0) => Ok(counts),
        _ => Err("rowptr does not begin with 0".into()),
    }
}
