//! Decodes parts to codes or values. The parts may be hostile: every rule of the specification is checked, and memory stays
//! within a small multiple of the size of the parts.

use super::layout::{BLOCK_ROWS, Body, Layout};
use super::promises::{check_body, check_kept, check_parts, checked_counts, mask};
use super::{EncodedPart, TensorRecord, coded, encode};
use crate::bytes::{as_bytes_mut, resize, try_chunks_mut};
use crate::quantized::{Steps, codes_to_values};
use crate::{DType, Grid, Mask, QuantizedMatrix, Values};
use kerf_kernels::{Compute, Kernels};
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of values that are decoded before they are converted to another type.
const VALUES_AT_ONCE: usize = 1 << 12;

/// Decodes a matrix. The error says which rule of the specification is broken.
pub(super) fn matrix(
    compute: &Compute,
    record: &TensorRecord,
    parts: &[EncodedPart],
) -> Result<QuantizedMatrix, String> {
    let layout = Layout::new(record)?;
    check_parts(&layout, parts.iter().map(EncodedPart::description))?;
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
            columns: Vec::new(),
            scales: scales(
                &compute.kernels,
                &layout,
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

/// Decodes a matrix that is entropy-coded. The part `coded` holds its mask, and perhaps its scales.
fn coded_matrix(
    compute: &Compute,
    layout: &Layout,
    record: &TensorRecord,
    parts: &[EncodedPart],
) -> Result<QuantizedMatrix, String> {
    let grid = coded_grid(layout);
    let decoder = coded::Decoder::new(layout, find(parts, "coded").unwrap_or_default())?;
    let (codes, mut scales) = decoder.all(compute)?;
    if let Some(stored) = find(parts, "scales") {
        scales = self::scales(&compute.kernels, layout, grid, stored)?;
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
            columns: decoder.factors,
        },
    })
}

fn coded_grid(layout: &Layout) -> Grid {
    match layout.body {
        Body::Grid(grid) => grid,
        Body::Float(_) => unreachable!("a layout with coded floats is none"),
    }
}

/// Decodes to values. The error says which rule of the specification is broken.
pub(super) fn values(
    compute: &Compute,
    record: &TensorRecord,
    parts: &[EncodedPart],
    values: &mut Vec<f32>,
) -> Result<(), String> {
    if !record.coded {
        matrix(compute, record, parts)?.dequantize_into(compute, values);
        return Ok(());
    }
    let layout = Layout::new(record)?;
    check_parts(&layout, parts.iter().map(EncodedPart::description))?;
    // The part is checked before memory for its content is allocated.
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

/// Decodes to bf16 values.
pub(super) fn bf16(
    compute: &Compute,
    record: &TensorRecord,
    parts: &[EncodedPart],
    narrow: &mut Vec<u16>,
) -> Result<(), String> {
    if !record.coded {
        let values = matrix(compute, record, parts)?.dequantize_on(compute);
        narrow.resize(values.len(), 0);
        compute.kernels.f32_to_bf16(&values, narrow);
        return Ok(());
    }
    let layout = Layout::new(record)?;
    check_parts(&layout, parts.iter().map(EncodedPart::description))?;
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

/// Decodes an entropy-coded matrix chunk by chunk, a few rows at a time. `put(space, row, out, floats)` must fill `out`, which is
/// whole rows of a chunk from row `row` on. `floats(row, to)` computes the f32 values of these rows into `to`, and `space` is
/// scratch.
fn chunks_of_values<T: Send>(
    compute: &Compute,
    layout: &Layout,
    decoder: &coded::Decoder<'_>,
    record: &TensorRecord,
    parts: &[EncodedPart],
    out: &mut [T],
    put: impl Fn(&mut Vec<f32>, usize, &mut [T], &dyn Fn(usize, &mut [f32])) + Sync,
) -> Result<(), String> {
    let (grid, kernels, cols) = (coded_grid(layout), &compute.kernels, layout.cols.max(1));
    let stored = match find(parts, "scales") {
        Some(bytes) => Some(scales(kernels, layout, grid, bytes)?),
        None => None,
    };
    let (kept, groups) = (AtomicU64::new(0), layout.groups());
    let chunk_weights = decoder.chunks.chunk_weights().max(1);
    // So few rows that their values stay in the first-level cache until they are converted.
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
            let steps = Steps {
                grid,
                scales: &scales[row * groups..],
                columns: &decoder.factors,
            };
            codes_to_values(kernels, &steps, cols, &codes[row * cols..], to);
        };
        let mut space = Vec::new();
        for (at, out) in out.chunks_mut(few * cols).enumerate() {
            put(&mut space, at * few, out, &floats);
        }
        Ok::<_, String>(())
    })?;
    check_kept(compute, record, kept.into_inner())
}

impl EncodedPart {
    fn description(&self) -> (&str, DType, &[usize], u64) {
        (self.part, self.dtype, &self.shape, self.bytes.len() as u64)
    }
}

fn find<'a>(parts: &'a [EncodedPart], name: &str) -> Option<&'a [u8]> {
    let part = parts.iter().find(|part| part.part == name)?;
    Some(&part.bytes)
}

fn scales(
    kernels: &Kernels,
    layout: &Layout,
    grid: Grid,
    bytes: &[u8],
) -> Result<Vec<f32>, String> {
    let scales = floats(kernels, layout.scale_dtype, bytes);
    match scales.iter().position(|scale| !grid.has_scale(*scale)) {
        Some(at) => Err(format!("scale {at} is {}", scales[at])),
        None => Ok(scales),
    }
}

/// A matrix whose parts were checked, ready to be decoded in tasks of whole blocks.
struct Decoder<'a> {
    compute: &'a Compute,
    layout: &'a Layout,
    mask: Option<&'a Mask>,
    counts: &'a [usize],
    offsets: &'a [usize],
    body: &'a [u8],
}

impl Decoder<'_> {
    /// Runs `block(block, out)` for every block. `out` holds the rows of the block.
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

/// Writes the next of `values` to the place of each set bit.
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
