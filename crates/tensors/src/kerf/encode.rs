//! Encodes codes or values as parts.

use super::coded;
use super::layout::{BLOCK_ROWS, Body, Layout};
use super::{EncodedPart, TensorRecord};
use crate::bytes::{as_bytes, split_at_offsets};
use crate::{DType, Mask, QuantizedMatrix, Values};
use kerf_kernels::{Compute, Kernels};
use std::ops::Range;

/// The parts of a matrix, in the order of the specification.
pub(super) fn parts(
    compute: &Compute,
    record: &TensorRecord,
    matrix: &QuantizedMatrix,
) -> Vec<EncodedPart> {
    let layout = layout(record);
    let counts = counts(&layout, matrix);
    let of_part = |(part, dtype, shape): (&'static str, DType, Option<Vec<usize>>)| {
        let bytes = match (part, &matrix.mask) {
            ("rowptr", _) => rowptr(dtype, &counts),
            ("scales", _) => scales(&compute.kernels, dtype, matrix),
            ("mask", Some(mask)) => mask.bits.clone(),
            ("coded", _) => {
                let mut bytes = coded::encode(compute, &layout, matrix);
                bytes.resize(layout.padded(bytes.len()), 0);
                bytes
            }
            _ => body(compute, &layout, matrix, &counts),
        };
        let shape = shape.unwrap_or_else(|| vec![bytes.len() / (dtype.bits() / 8) as usize]);
        EncodedPart {
            part,
            dtype,
            shape,
            bytes,
        }
    };
    layout.parts().into_iter().map(of_part).collect()
}

fn layout(record: &TensorRecord) -> Layout {
    Layout::new(record).expect("a solved matrix has a possible shape and grid")
}

/// Number of survivors in each block. Empty for an entropy-coded matrix, which does not need the counts.
fn counts(layout: &Layout, matrix: &QuantizedMatrix) -> Vec<usize> {
    match &matrix.mask {
        _ if layout.coded => Vec::new(),
        Some(mask) => layout.mask_counts(&mask.bits),
        None => layout.full_counts(),
    }
}

/// Bytes of the parts of a matrix in fixed coding. 0 for a matrix without weights.
pub(super) fn fixed_bytes(record: &TensorRecord, matrix: &QuantizedMatrix) -> u64 {
    let layout = layout(record);
    if layout.weights() == 0 {
        return 0;
    }
    layout.part_bytes(&counts(&layout, matrix))
}

/// Number of codes that are not 0.
pub(super) fn not_zero(codes: &[i8]) -> u64 {
    // Pieces so short that their sum fits in a byte: then many bytes are added at once.
    let of_piece = |piece: &[i8]| {
        let sum = piece
            .iter()
            .fold(0u8, |sum, &code| sum + u8::from(code != 0));
        u64::from(sum)
    };
    codes.chunks(255).map(of_piece).sum()
}

/// The part `rowptr`: the number of survivors before each block, and the total.
pub(super) fn rowptr(dtype: DType, counts: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((counts.len() + 1) * 8);
    let mut sum = 0u64;
    for &count in [0].iter().chain(counts) {
        sum += count as u64;
        let width = (dtype.bits() / 8) as usize;
        bytes.extend_from_slice(&sum.to_le_bytes()[..width]);
    }
    bytes
}

fn scales(kernels: &Kernels, dtype: DType, matrix: &QuantizedMatrix) -> Vec<u8> {
    let Values::Codes { scales, .. } = &matrix.values else {
        unreachable!("floats have no scales")
    };
    let mut narrow = vec![0u16; if dtype == DType::F32 { 0 } else { scales.len() }];
    match dtype {
        DType::F32 => return as_bytes(scales).to_vec(),
        DType::BF16 => kernels.f32_to_bf16(scales, &mut narrow),
        _ => kernels.f32_to_f16(scales, &mut narrow),
    }
    as_bytes(&narrow).to_vec()
}

/// The part with codes or values. Each task encodes whole blocks into a place of its own, which follows from the counts.
fn body(compute: &Compute, layout: &Layout, matrix: &QuantizedMatrix, counts: &[usize]) -> Vec<u8> {
    let offsets = layout.offsets(counts);
    let mut bytes = vec![0; layout.padded(*offsets.last().expect("never empty"))];
    let ends = (0..layout.panels()).map(|panel| offsets[layout.panel(panel).end]);
    let mut panels = split_at_offsets(&mut bytes, ends);
    compute.pool.chunks_mut(&mut panels, 1, |panel, out| {
        let blocks = layout.panel(panel);
        let mut gather = Gather::new(layout, &compute.kernels);
        let start = offsets[blocks.start];
        for block in blocks {
            let place = offsets[block] - start..offsets[block + 1] - start;
            gather.block(matrix, block, counts[block], &mut out[0][place]);
        }
    });
    bytes
}

/// Gathers the survivors of blocks of rows. Its buffers are used again for each block.
struct Gather<'a> {
    layout: &'a Layout,
    kernels: &'a Kernels,
    codes: Vec<i8>,
    values: Vec<f32>,
    narrow: Vec<u16>,
}

impl<'a> Gather<'a> {
    fn new(layout: &'a Layout, kernels: &'a Kernels) -> Self {
        let block = BLOCK_ROWS.min(layout.rows) * layout.cols;
        let when = |needed: bool| if needed { block } else { 0 };
        let is_float = matches!(layout.body, Body::Float(_));
        let is_narrow = matches!(layout.body, Body::Float(DType::F16 | DType::BF16));
        Self {
            layout,
            kernels,
            codes: vec![0; when(layout.masked && !is_float)],
            values: vec![0.0; when(layout.masked && is_float)],
            narrow: vec![0; when(is_narrow)],
        }
    }

    fn block(&mut self, matrix: &QuantizedMatrix, block: usize, count: usize, out: &mut [u8]) {
        let rows = self.layout.block_rows(block);
        let cols = self.layout.cols;
        let span = rows.start * cols..rows.end * cols;
        let mask = matrix.mask.as_ref();
        match (&matrix.values, self.layout.body) {
            (Values::Codes { codes, .. }, Body::Grid(grid)) => {
                let compact = |from: &[i8], mask: &[u8], to: &mut [i8]| {
                    self.kernels.compact_codes(from, mask, to)
                };
                let codes = survivors(&codes[span], mask, rows, cols, &mut self.codes, compact);
                assert_eq!(codes.len(), count, "a mask with set padding bits");
                self.kernels.pack_bits(codes, u32::from(grid.bits), out);
            }
            (Values::Float { values, .. }, Body::Float(dtype)) => {
                let compact = |from: &[f32], mask: &[u8], to: &mut [f32]| {
                    self.kernels.compact_values(from, mask, to)
                };
                let values = survivors(&values[span], mask, rows, cols, &mut self.values, compact);
                assert_eq!(values.len(), count, "a mask with set padding bits");
                let narrow = &mut self.narrow[..if dtype == DType::F32 { 0 } else { count }];
                match dtype {
                    DType::F32 => return out.copy_from_slice(as_bytes(values)),
                    DType::F16 => self.kernels.f32_to_f16(values, narrow),
                    _ => self.kernels.f32_to_bf16(values, narrow),
                }
                out.copy_from_slice(as_bytes(narrow));
            }
            _ => unreachable!("the record was made from the matrix"),
        }
    }
}

/// The survivors in the whole rows `rows`, without gaps. They are put into `place` unless nothing was pruned.
fn survivors<'a, T>(
    values: &'a [T],
    mask: Option<&Mask>,
    rows: Range<usize>,
    cols: usize,
    place: &'a mut [T],
    compact: impl Fn(&[T], &[u8], &mut [T]) -> usize,
) -> &'a [T] {
    let Some(mask) = mask else {
        return values;
    };
    let mut used = 0;
    for (at, row) in rows.enumerate() {
        let values = &values[at * cols..][..cols];
        used += compact(values, mask.row(row), &mut place[used..][..cols]);
    }
    &place[..used]
}
