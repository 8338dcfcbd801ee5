//! From parts to codes or values. The parts may be hostile: every promise of the specification is checked, and nothing is
//! allocated that is more than a small multiple of the parts.

use super::layout::{BLOCK_ROWS, Body, Layout};
use super::{Part, TensorRecord, coded, encode};
use crate::bytes::{as_bytes_mut, resize, try_chunks_mut};
use crate::quantized::codes_to_values;
use crate::{DType, Grid, Mask, QuantizedMatrix, Values};
use kerf_kernels::{Compute, Kernels};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Values that are made before the next are, where they are turned into another type.
const VALUES_AT_ONCE: usize = 1 << 12;

/// Decodes a matrix; the error says which promise is broken.
pub(super) fn matrix(
    compute: &Compute,
    record: &TensorRecord,
    parts: &[Part],
) -> Result<QuantizedMatrix, String> {
    let layout = Layout::new(record)?;
    check_parts(&layout, parts.iter().map(Part::description))?;
    if layout.coded {
        return coded_matrix(compute, &layout, record, parts);
    }
    let mask = match find(parts, "mask") {
        Some(bits) => Some(mask(&layout, bits)?),
        None => None,
    };
    let counts = match (&mask, find(parts, "rowptr")) {
        (Some(mask), Some(rowptr)) => checked_counts(&layout, mask, rowptr)?,
        _ => layout.full_counts(),
    };
    let offsets = layout.offsets(&counts);
    let body = find(parts, "codes").or_else(|| find(parts, "values"));
    let body = Decoder {
        compute,
        layout: &layout,
        mask: mask.as_ref(),
        counts: &counts,
        body: check_body(&layout, body.unwrap_or_default(), &offsets)?,
        offsets: &offsets,
    };
    let values = match layout.body {
        Body::Grid(grid) => Values::Codes {
            grid,
            codes: body.codes(grid)?,
            scales: scales(
                &compute.kernels,
                grid,
                find(parts, "scales").unwrap_or_default(),
            )?,
        },
        Body::Float(dtype) => Values::Float {
            dtype,
            values: body.floats(dtype)?,
        },
    };
    Ok(QuantizedMatrix {
        rows: layout.rows,
        cols: layout.cols,
        mask,
        values,
    })
}

/// A matrix whose mask, and perhaps scales, are in the part with its codes.
fn coded_matrix(
    compute: &Compute,
    layout: &Layout,
    record: &TensorRecord,
    parts: &[Part],
) -> Result<QuantizedMatrix, String> {
    let grid = coded_grid(layout);
    let decoder = coded::Decoder::new(layout, find(parts, "coded").unwrap_or_default())?;
    let (codes, mut scales) = decoder.all(compute)?;
    if let Some(stored) = find(parts, "scales") {
        scales = self::scales(&compute.kernels, grid, stored)?;
    }
    check_kept(compute, record, encode::not_zero(&codes))?;
    let (rows, cols) = (layout.rows, layout.cols);
    Ok(QuantizedMatrix {
        rows,
        cols,
        mask: layout.masked.then(|| Mask::of_codes(rows, cols, &codes)),
        values: Values::Codes {
            grid,
            codes,
            scales,
        },
    })
}

fn coded_grid(layout: &Layout) -> Grid {
    match layout.body {
        Body::Grid(grid) => grid,
        Body::Float(_) => unreachable!("a layout with coded floats is none"),
    }
}

/// Not after a stop: chunks are then left out, and nobody looks at the result.
fn check_kept(compute: &Compute, record: &TensorRecord, actual: u64) -> Result<(), String> {
    match record.kept {
        Some(kept) if kept != actual && !compute.pool.stopped() => {
            Err(format!("{actual} weights survive, its record says {kept}"))
        }
        _ => Ok(()),
    }
}

/// Decodes to values; the error says which promise is broken.
pub(super) fn values(
    compute: &Compute,
    record: &TensorRecord,
    parts: &[Part],
    values: &mut Vec<f32>,
) -> Result<(), String> {
    if !record.coded {
        matrix(compute, record, parts)?.dequantize_into(compute, values);
        return Ok(());
    }
    let layout = Layout::new(record)?;
    check_parts(&layout, parts.iter().map(Part::description))?;
    // What the part says is checked before there is room for what it should hold.
    let decoder = coded::Decoder::new(&layout, find(parts, "coded").unwrap_or_default())?;
    resize(values, layout.weights());
    chunks_of_values(
        compute,
        &layout,
        &decoder,
        record,
        parts,
        values,
        |_, row, out, floats| {
            floats(row, out);
        },
    )
}

/// Decodes to bf16.
pub(super) fn bf16(
    compute: &Compute,
    record: &TensorRecord,
    parts: &[Part],
    narrow: &mut Vec<u16>,
) -> Result<(), String> {
    if !record.coded {
        let values = matrix(compute, record, parts)?.dequantize_on(compute);
        narrow.resize(values.len(), 0);
        compute.kernels.f32_to_bf16(&values, narrow);
        return Ok(());
    }
    let layout = Layout::new(record)?;
    check_parts(&layout, parts.iter().map(Part::description))?;
    let decoder = coded::Decoder::new(&layout, find(parts, "coded").unwrap_or_default())?;
    narrow.resize(layout.weights(), 0);
    chunks_of_values(
        compute,
        &layout,
        &decoder,
        record,
        parts,
        narrow,
        |wide, row, out, floats| {
            wide.resize(out.len(), 0.0);
            floats(row, wide);
            compute.kernels.f32_to_bf16(wide, out);
        },
    )
}

/// Decodes a coded matrix chunk by chunk, a few rows at a time: `put(space, row, out, floats)` fills `out`, whole rows of
/// the chunk from `row` on, with what `floats(row, to)` puts in `to`.
fn chunks_of_values<T: Send>(
    compute: &Compute,
    layout: &Layout,
    decoder: &coded::Decoder<'_>,
    record: &TensorRecord,
    parts: &[Part],
    out: &mut [T],
    put: impl Fn(&mut Vec<f32>, usize, &mut [T], &dyn Fn(usize, &mut [f32])) + Sync,
) -> Result<(), String> {
    let (grid, kernels, cols) = (coded_grid(layout), &compute.kernels, layout.cols.max(1));
    let stored = match find(parts, "scales") {
        Some(bytes) => Some(scales(kernels, grid, bytes)?),
        None => None,
    };
    let (kept, groups) = (AtomicU64::new(0), layout.groups());
    let chunk_weights = decoder.chunks.chunk_weights().max(1);
    // Values that are soon read again stay in the first level cache.
    let few = (VALUES_AT_ONCE / cols).max(1);
    try_chunks_mut(&compute.pool, out, chunk_weights, |chunk, out| {
        let mut codes = vec![0; out.len()];
        let rows = out.len() / cols;
        let mut own = vec![0.0; if stored.is_none() { rows * groups } else { 0 }];
        decoder.chunk(chunk, &mut codes, &mut own)?;
        kept.fetch_add(encode::not_zero(&codes), Ordering::Relaxed);
        let first = chunk * (chunk_weights / cols) * groups;
        let scales = match &stored {
            Some(stored) => &stored[first..first + rows * groups],
            None => &own,
        };
        let floats = |row: usize, to: &mut [f32]| {
            codes_to_values(
                kernels,
                grid,
                cols,
                &codes[row * cols..],
                &scales[row * groups..],
                to,
            );
        };
        let mut space = Vec::new();
        for (at, out) in out.chunks_mut(few * cols).enumerate() {
            put(&mut space, at * few, out, &floats);
        }
        Ok::<_, String>(())
    })?;
    check_kept(compute, record, kept.into_inner())
}

impl Part {
    fn description(&self) -> (&str, DType, &[usize], u64) {
        (self.part, self.dtype, &self.shape, self.bytes.len() as u64)
    }
}

fn find<'a>(parts: &'a [Part], name: &str) -> Option<&'a [u8]> {
    let part = parts.iter().find(|part| part.part == name)?;
    Some(&part.bytes)
}

/// The parts are those of the record, with the types and shapes that follow from it: (name, type, shape, bytes) of each.
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

fn mask(layout: &Layout, bits: &[u8]) -> Result<Mask, String> {
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

/// Survivors of every block, by the mask; `rowptr` must say the same.
fn checked_counts(layout: &Layout, mask: &Mask, rowptr: &[u8]) -> Result<Vec<usize>, String> {
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
fn stored_rowptr(layout: &Layout, rowptr: &[u8]) -> Vec<u64> {
    let width = (layout.count_dtype().bits() / 8) as usize;
    let entry = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    rowptr.chunks_exact(width).map(entry).collect()
}

/// The codes or values have the length that the counts need, and the padding after them is zero.
fn check_body<'a>(layout: &Layout, body: &'a [u8], offsets: &[usize]) -> Result<&'a [u8], String> {
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

fn scales(kernels: &Kernels, grid: Grid, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let mut narrow = vec![0u16; bytes.len() / 2];
    as_bytes_mut(&mut narrow).copy_from_slice(bytes);
    let mut scales = vec![0.0; narrow.len()];
    kernels.f16_to_f32(&narrow, &mut scales);
    match scales.iter().position(|scale| !grid.has_scale(*scale)) {
        Some(at) => Err(format!("scale {at} is {}", scales[at])),
        None => Ok(scales),
    }
}

/// Everything checked, ready to be decoded in tasks of whole blocks.
struct Decoder<'a> {
    compute: &'a Compute,
    layout: &'a Layout,
    mask: Option<&'a Mask>,
    counts: &'a [usize],
    offsets: &'a [usize],
    body: &'a [u8],
}

impl Decoder<'_> {
    /// Runs `block(block, out)` for every block, `out` being its rows.
    fn blocks<T: Send + Clone + Default>(
        &self,
        block: impl Fn(usize, &mut [T]) -> Result<(), String> + Sync,
    ) -> Result<Vec<T>, String> {
        let mut out = vec![T::default(); self.layout.weights()];
        let block_weights = BLOCK_ROWS * self.layout.cols.max(1);
        let panel_weights = self.layout.panel_blocks() * block_weights;
        try_chunks_mut(
            &self.compute.pool,
            &mut out,
            panel_weights,
            |panel, rows| {
                let first = self.layout.panel(panel).start;
                let mut blocks = rows.chunks_mut(block_weights).enumerate();
                blocks.try_for_each(|(at, rows)| block(first + at, rows))
            },
        )?;
        Ok(out)
    }

    fn bytes(&self, block: usize) -> &[u8] {
        &self.body[self.offsets[block]..self.offsets[block + 1]]
    }

    fn codes(&self, grid: Grid) -> Result<Vec<i8>, String> {
        let (kernels, cols) = (&self.compute.kernels, self.layout.cols);
        let bits = u32::from(grid.bits);
        self.blocks(|block, out| {
            let bytes = self.bytes(block);
            let used = self.counts[block] % 8 * bits as usize % 8;
            if used != 0 && bytes.last().is_some_and(|last| last >> used != 0) {
                return Err(format!(
                    "padding bits of the codes are set in block {block}"
                ));
            }
            let Some(mask) = self.mask else {
                kernels.unpack_bits(bytes, bits, out);
                return Ok(());
            };
            let mut packed = vec![0; self.counts[block]];
            kernels.unpack_bits(bytes, bits, &mut packed);
            let mut taken = 0;
            for (row, out) in self.layout.block_rows(block).zip(out.chunks_mut(cols)) {
                taken += kernels.expand_codes(&packed[taken..], mask.row(row), out);
            }
            Ok(())
        })
    }

    fn floats(&self, dtype: DType) -> Result<Vec<f32>, String> {
        let (kernels, cols) = (&self.compute.kernels, self.layout.cols);
        self.blocks(|block, out| {
            let survivors = floats(kernels, dtype, self.bytes(block));
            if let Some(at) = kernels.first_non_finite(&survivors) {
                return Err(format!("value {at} of block {block} is {}", survivors[at]));
            }
            let Some(mask) = self.mask else {
                out.copy_from_slice(&survivors);
                return Ok(());
            };
            let mut left = survivors.into_iter();
            for (row, out) in self.layout.block_rows(block).zip(out.chunks_mut(cols)) {
                expand(mask.row(row), out, &mut left);
            }
            Ok(())
        })
    }
}

/// Little-endian floats as f32.
fn floats(kernels: &Kernels, dtype: DType, bytes: &[u8]) -> Vec<f32> {
    let mut values = vec![0.0; bytes.len() / (dtype.bits() / 8) as usize];
    if dtype == DType::F32 {
        as_bytes_mut(&mut values).copy_from_slice(bytes);
        return values;
    }
    let mut narrow = vec![0u16; values.len()];
    as_bytes_mut(&mut narrow).copy_from_slice(bytes);
    match dtype {
        DType::BF16 => kernels.bf16_to_f32(&narrow, &mut values),
        _ => kernels.f16_to_f32(&narrow, &mut values),
    }
    values
}

/// Puts one value at every set bit.
fn expand(mask: &[u8], out: &mut [f32], values: &mut impl Iterator<Item = f32>) {
    for (at, &byte) in mask.iter().enumerate() {
        let mut left = byte;
        while left != 0 {
            let place = at * 8 + left.trailing_zeros() as usize;
            out[place] = values.next().unwrap_or_default();
            left &= left - 1;
        }
    }
}

/// How to read some rows of an encoded matrix without the others: the part of it that holds whole blocks or chunks of rows is
/// a matrix of its own, with the same grid.
///
/// `read(part, range)` gives some bytes of a part, of which there are `bytes(part)`. Returns the first row of the smaller
/// matrix, its record and its parts.
pub(crate) fn rows<E: From<String>>(
    record: &TensorRecord,
    rows: Range<usize>,
    bytes: impl Fn(&str) -> usize,
    mut read: impl FnMut(&str, Range<usize>) -> Result<Vec<u8>, E>,
) -> Result<(usize, TensorRecord, Vec<Part>), E> {
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

/// [`rows`] of a coded matrix: whole chunks.
fn coded_rows<E: From<String>>(
    record: &TensorRecord,
    whole: &Layout,
    rows: Range<usize>,
    bytes: usize,
    mut read: impl FnMut(&str, Range<usize>) -> Result<Vec<u8>, E>,
) -> Result<(usize, TensorRecord, Vec<Part>), E> {
    let all = coded::Chunks::new(whole);
    let chunks = all.of_rows(&rows);
    let rows = all.rows(&chunks);
    let mut record = record.clone();
    record.shape[0] = rows.len();
    record.kept = None; // That of the whole.
    let part = Layout::new(&record)?;
    let parts = parts_of_rows(&part, &rows, &mut read, |name, read| {
        coded::some_chunks(whole, &part, chunks.clone(), bytes, |range| {
            read(name, range)
        })
    })?;
    Ok((rows.start, record, parts))
}

/// The parts of a matrix that is some `rows` of another: of scales and masks the rows are read, `other` makes the rest.
fn parts_of_rows<E, R: FnMut(&str, Range<usize>) -> Result<Vec<u8>, E>>(
    part: &Layout,
    rows: &Range<usize>,
    read: &mut R,
    other: impl Fn(&str, &mut R) -> Result<Vec<u8>, E>,
) -> Result<Vec<Part>, E> {
    let one = |(name, dtype, shape): (&'static str, DType, Option<Vec<usize>>)| {
        let bytes = match (name, &shape) {
            ("scales" | "mask", Some(shape)) => {
                let size = shape[1] * (dtype.bits() / 8) as usize;
                read(name, rows.start * size..rows.end * size)?
            }
            _ => other(name, read)?,
        };
        Ok(Part {
            part: name,
            dtype,
            shape: shape.unwrap_or_else(|| vec![bytes.len() / (dtype.bits() / 8) as usize]),
            bytes,
        })
    };
    part.parts().into_iter().map(one).collect()
}

/// Survivors of every block, by `rowptr` alone: it must start at 0, not fall, and not hold more than a block has.
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
