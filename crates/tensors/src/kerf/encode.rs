//! From codes or values to parts.

use super::layout::{BLOCK_ROWS, Body, Layout};
use super::{Part, TensorRecord};
use crate::bytes::{Number, as_bytes, split_at_offsets};
use crate::{DType, Mask, QuantizedMatrix, Values};
use kerf_kernels::{Compute, Kernels};

/// The parts of a matrix, in the order of the specification.
pub(super) fn parts(
    compute: &Compute,
    record: &TensorRecord,
    matrix: &QuantizedMatrix,
) -> Vec<Part> {
    let layout = Layout::new(record).expect("a solved matrix has a possible shape and grid");
    let mask = matrix.mask.as_ref();
    let counts = match mask {
        Some(mask) => layout.mask_counts(&mask.bits),
        None => layout.full_counts(),
    };
    let mut body = Some(body(compute, &layout, matrix, &counts));
    let of_part = |(part, dtype, shape): (&'static str, DType, Option<Vec<usize>>)| {
        let bytes = match part {
            "rowptr" => rowptr(dtype, &counts),
            "scales" => scales(&compute.kernels, matrix),
            "mask" => mask.expect("masked").bits.clone(),
            _ => body.take().expect("one body"),
        };
        let shape = shape.unwrap_or_else(|| vec![bytes.len() / (dtype.bits() / 8) as usize]);
        Part {
            part,
            dtype,
            shape,
            bytes,
        }
    };
    layout.parts().into_iter().map(of_part).collect()
}

/// Survivors before each block, and in all.
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

fn scales(kernels: &Kernels, matrix: &QuantizedMatrix) -> Vec<u8> {
    let Values::Codes { scales, .. } = &matrix.values else {
        unreachable!("floats have no scales")
    };
    let mut narrow = vec![0u16; scales.len()];
    kernels.f32_to_f16(scales, &mut narrow);
    as_bytes(&narrow).to_vec()
}

/// The codes or values part: tasks of whole blocks write to disjoint places that the counts decide.
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

/// Gathers the survivors of blocks of rows; keeps its buffers from block to block.
struct Gather<'a> {
    layout: &'a Layout,
    kernels: &'a Kernels,
    codes: Vec<i8>,
    narrow: Vec<u16>,
}

impl<'a> Gather<'a> {
    fn new(layout: &'a Layout, kernels: &'a Kernels) -> Self {
        let block = BLOCK_ROWS.min(layout.rows) * layout.cols;
        let (codes, narrow) = match layout.body {
            Body::Grid(_) if layout.masked => (block, 0),
            Body::Float(DType::F16 | DType::BF16) => (0, block),
            _ => (0, 0),
        };
        Self {
            layout,
            kernels,
            codes: vec![0; codes],
            narrow: vec![0; narrow],
        }
    }

    fn block(&mut self, matrix: &QuantizedMatrix, block: usize, count: usize, out: &mut [u8]) {
        let rows = self.layout.block_rows(block);
        let cols = self.layout.cols;
        let span = rows.start * cols..rows.end * cols;
        let mask = matrix.mask.as_ref();
        match (&matrix.values, self.layout.body) {
            (Values::Codes { codes, .. }, Body::Grid(grid)) => {
                let bits = u32::from(grid.bits);
                let Some(mask) = mask else {
                    return self.kernels.pack_bits(&codes[span], bits, out);
                };
                let mut used = 0;
                for row in rows {
                    let codes = &codes[row * cols..][..cols];
                    let place = &mut self.codes[used..][..cols];
                    used += self.kernels.compact_codes(codes, mask.row(row), place);
                }
                assert_eq!(used, count, "a mask with set padding bits");
                self.kernels.pack_bits(&self.codes[..count], bits, out);
            }
            (Values::Float { values, .. }, Body::Float(dtype)) => {
                let values = &values[span];
                let narrow = &mut self.narrow[..if dtype == DType::F32 { 0 } else { values.len() }];
                match dtype {
                    DType::F32 => return survivors(values, mask, rows.start, cols, out),
                    DType::F16 => self.kernels.f32_to_f16(values, narrow),
                    _ => self.kernels.f32_to_bf16(values, narrow),
                }
                survivors(narrow, mask, rows.start, cols, out);
            }
            _ => unreachable!("the record was made from the matrix"),
        }
    }
}

/// Writes the bytes of the survivors of some whole rows, the first of which is `first`.
fn survivors<T: Number>(
    values: &[T],
    mask: Option<&Mask>,
    first: usize,
    cols: usize,
    out: &mut [u8],
) {
    let Some(mask) = mask else {
        return out.copy_from_slice(as_bytes(values));
    };
    let mut places = out.chunks_exact_mut(size_of::<T>());
    for (at, row) in values.chunks(cols).enumerate() {
        for (byte_at, &byte) in mask.row(first + at).iter().enumerate() {
            let mut left = byte;
            while left != 0 {
                let value = &row[byte_at * 8 + left.trailing_zeros() as usize];
                let place = places.next().expect("as many places as survivors");
                place.copy_from_slice(as_bytes(std::slice::from_ref(value)));
                left &= left - 1;
            }
        }
    }
}
