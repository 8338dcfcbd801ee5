//! Checks of the parts of a matrix against the specification. The parts may be hostile.

use super::layout::Layout;
use super::{TensorRecord, encode};
use crate::{DType, Mask};
use kerf_kernels::Compute;

/// Checks that the parts are those of the record, with the types and shapes that follow from it. Each part is given as (name,
/// type, shape, bytes).
pub(super) fn check_parts<'a>(
    layout: &Layout,
    parts: impl Iterator<Item = (&'a str, DType, &'a [usize], u64)> + Clone,
) -> Result<(), String> {
    let expected = layout.parts();
    for (name, dtype, shape) in &expected {
        let mut found = parts.clone().filter(|part| part.0 == *name);
        let Some((_, actual_dtype, actual_shape, bytes)) = found.next() else {
            return Err(format!("part {name} is missing"));
        };
        if found.next().is_some() {
            return Err(format!("part {name} occurs twice"));
        }
        let shape_fits = match shape {
            Some(shape) => actual_shape == shape,
            None => actual_shape.len() == 1,
        };
        if actual_dtype != *dtype || !shape_fits {
            let (expected, actual) = (dtype.name(), actual_dtype.name());
            return Err(format!(
                "part {name} is {actual} {actual_shape:?}, expected {expected} {shape:?}"
            ));
        }
        let elements: usize = actual_shape.iter().product();
        if bytes != elements as u64 * (dtype.bits() / 8) {
            return Err(format!(
                "part {name} has {bytes} bytes for {elements} elements"
            ));
        }
    }
    let extra =
        |part: &(&str, DType, &[usize], u64)| !expected.iter().any(|(name, ..)| *name == part.0);
    match parts.clone().find(extra) {
        Some((name, ..)) => Err(format!("part {name} does not belong to its record")),
        None => Ok(()),
    }
}

pub(super) fn mask(layout: &Layout, bits: &[u8]) -> Result<Mask, String> {
    let used = layout.cols % 8;
    if used != 0 {
        let last_bytes = bits.iter().skip(layout.stride - 1).step_by(layout.stride);
        if let Some(row) = last_bytes.clone().position(|byte| byte >> used != 0) {
            return Err(format!("padding bits of the mask are set in row {row}"));
        }
    }
    Ok(Mask {
        rows: layout.rows,
        cols: layout.cols,
        stride: layout.stride,
        bits: bits.to_vec(),
    })
}

/// Number of survivors in each block, counted in the mask. `rowptr` must have the same numbers.
pub(super) fn checked_counts(
    layout: &Layout,
    mask: &Mask,
    rowptr: &[u8],
) -> Result<Vec<usize>, String> {
    let counts = layout.mask_counts(&mask.bits);
    if encode::rowptr(layout.count_dtype(), &counts) == rowptr {
        return Ok(counts);
    }
    let stored = stored_rowptr(layout, rowptr);
    let mut sum = 0;
    let mut block = 0;
    for count in counts {
        if stored[block] != sum {
            break;
        }
        sum += count as u64;
        block += 1;
    }
    let actual = stored[block];
    Err(format!(
        "rowptr[{block}] is {actual}, the mask has {sum} survivors before that row"
    ))
}

/// The entries of `rowptr`.
pub(super) fn stored_rowptr(layout: &Layout, rowptr: &[u8]) -> Vec<u64> {
    let width = (layout.count_dtype().bits() / 8) as usize;
    let entry = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    rowptr.chunks_exact(width).map(entry).collect()
}

/// Checks that the codes or values have the length that the counts require, and that the padding after them is zero. Returns them
/// without padding.
pub(super) fn check_body<'a>(
    layout: &Layout,
    body: &'a [u8],
    offsets: &[usize],
) -> Result<&'a [u8], String> {
    let end = offsets.last().copied().unwrap_or(0);
    let expected = layout.padded(end);
    let actual = body.len();
    if actual != expected {
        return Err(format!(
            "its codes or values take {actual} bytes, its survivors {expected}"
        ));
    }
    if body[end..].iter().any(|&byte| byte != 0) {
        return Err("padding after the codes is not zero".into());
    }
    Ok(&body[..end])
}

/// Checks the number of survivors. After a stop it does not, because chunks were left out and the result will not be used.
pub(super) fn check_kept(
    compute: &Compute,
    record: &TensorRecord,
    actual: u64,
) -> Result<(), String> {
    match record.kept {
        Some(kept) if kept != actual && !compute.pool.stopped() => {
            Err(format!("{actual} weights survive, its record says {kept}"))
        }
        _ => Ok(()),
    }
}
