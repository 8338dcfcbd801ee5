//! A matrix in the form in which it runs. [`super`] says how it lies in memory.

use super::few::Few;
use super::{BLOCK, CompactRows, Width, column};
use crate::aligned::Bytes;
use crate::sparse::LEAST_ZEROS;
use crate::{Compute, Kernels, Pool};
use std::ops::Range;

/// Least share of codes that are 0 for which codes have a mask. Below it a mask saves little memory, and spreading takes time.
const MASKED_FOUR: f64 = 0.4;
const MASKED_EIGHT: f64 = 0.3;

/// A matrix [rows, cols] of codes with scales, or of bf16, ready for products. See the [layout](crate::compact).
#[derive(Clone, Debug)]
pub struct CompactMatrix {
    rows: usize,
    cols: usize,
    /// Blocks that share a scale.
    group: usize,
    /// [rows, groups]; none for bf16.
    scales: Vec<f32>,
    /// Factors of the columns, or empty.
    columns: Vec<f32>,
    zeros: usize,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// Every weight, without masks.
    All(Width, Bytes),
    /// The codes that are not 0.
    Few(Few),
}

impl CompactMatrix {
    /// Codes [rows, cols] with scales [rows, groups]. The value of a weight is `code * scale` in f32; `group` columns share a scale, 0 is
    /// the whole row. `None` where groups are no multiples of 64 columns and no whole rows either, or the matrix has no weights.
    /// Cost: two passes over the codes. The kernels
    /// of `compute` decide whether zeros are stored; any others can run the matrix too.
    ///
    /// # Panics
    /// If the lengths do not fit the shape.
    pub fn from_codes(
        compute: &Compute,
        (rows, cols): (usize, usize),
        group: usize,
        codes: &[i8],
        scales: &[f32],
    ) -> Option<Self> {
        assert_eq!(Some(codes.len()), rows.checked_mul(cols), "rows * cols");
        let whole = group == 0 || group >= cols;
        if codes.is_empty() || !(whole || group.is_multiple_of(BLOCK)) {
            return None;
        }
        let blocks = cols.div_ceil(BLOCK);
        let group = if whole { blocks } else { group / BLOCK };
        assert_eq!(scales.len(), rows * blocks.div_ceil(group), "scales");
        let pool = &compute.pool;
        let (zeros, narrow) = look(pool, codes);
        let width = if narrow { Width::Four } else { Width::Eight };
        let least = if narrow { MASKED_FOUR } else { MASKED_EIGHT };
        let masked = compute.kernels.spreads_codes() && zeros as f64 >= least * codes.len() as f64;
        let few = masked.then(|| Few::new(pool, width, cols, codes)).flatten();
        let body = match few {
            Some(few) => Body::Few(few),
            None => Body::All(width, all(pool, width, cols, codes)),
        };
        Some(Self {
            rows,
            cols,
            group,
            scales: scales.to_vec(),
            columns: Vec::new(),
            zeros,
            body,
        })
    }

    /// The same with factors of the columns: the value of a weight is `code * scale * factor`. None if there are no factors.
    ///
    /// # Panics
    /// If there are factors, but not one a column.
    #[must_use]
    pub fn with_columns(self, columns: &[f32]) -> Self {
        assert!([0, self.cols].contains(&columns.len()), "columns");
        let columns = columns.to_vec();
        Self { columns, ..self }
    }

    /// Multiplies some of a row or of a token, from its first column on, by the factors of the columns.
    pub(super) fn scale_columns(&self, values: &mut [f32]) {
        for (value, factor) in values.iter_mut().zip(&self.columns) {
            *value *= factor;
        }
    }

    /// Values [rows, cols] in bf16. `None` for a matrix without weights, and for one with so many zeros that a [`crate::SparseMatrix`] is
    /// faster. Cost: two passes.
    ///
    /// # Panics
    /// If there are not `rows * cols` values.
    pub fn from_bf16(pool: &Pool, (rows, cols): (usize, usize), values: &[u16]) -> Option<Self> {
        assert_eq!(Some(values.len()), rows.checked_mul(cols), "rows * cols");
        // Bits without that of the sign.
        let zeros = values.iter().filter(|value| **value << 1 == 0).count();
        if zeros as f64 >= LEAST_ZEROS * values.len() as f64 {
            return None;
        }
        let blocks = cols.div_ceil(BLOCK);
        let row_bytes = blocks * Width::Sixteen.block_bytes();
        let mut bytes = Bytes::zeros(rows * row_bytes);
        pool.chunks_mut(&mut bytes, row_bytes, |row, out| {
            let row = &values[row * cols..][..cols];
            for (out, value) in out.chunks_exact_mut(2).zip(row) {
                out.copy_from_slice(&value.to_le_bytes());
            }
        });
        Some(Self {
            rows,
            cols,
            group: blocks,
            scales: Vec::new(),
            columns: Vec::new(),
            zeros,
            body: Body::All(Width::Sixteen, bytes),
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes of the matrix in memory.
    pub fn bytes(&self) -> u64 {
        let body = match &self.body {
            Body::All(_, bytes) => bytes.len(),
            Body::Few(few) => few.bytes(),
        };
        (4 * (self.scales.len() + self.columns.len()) + body) as u64
    }

    /// Share of the weights that are 0.
    pub fn zeros(&self) -> f64 {
        self.zeros as f64 / (self.rows * self.cols) as f64
    }

    /// Columns of a row with the zeros behind the last one.
    pub(super) fn padded(&self) -> usize {
        self.cols.div_ceil(BLOCK) * BLOCK
    }

    /// Runs `work` on some rows, whose masks are spread into `space`.
    pub(super) fn with_rows<T>(
        &self,
        kernels: &Kernels,
        rows: Range<usize>,
        space: &mut Vec<u8>,
        work: impl FnOnce(CompactRows<'_>) -> T,
    ) -> T {
        let blocks = self.cols.div_ceil(BLOCK);
        let (width, codes) = match &self.body {
            Body::All(width, bytes) => {
                let row_bytes = blocks * width.block_bytes();
                (*width, &bytes[rows.start * row_bytes..rows.end * row_bytes])
            }
            Body::Few(few) => {
                let width = few.width();
                space.resize(rows.len() * blocks * width.block_bytes(), 0);
                few.spread(kernels, rows.clone(), space);
                (width, &**space)
            }
        };
        let scales = match width {
            Width::Sixteen => &[],
            _ => {
                let groups = blocks.div_ceil(self.group);
                &self.scales[rows.start * groups..rows.end * groups]
            }
        };
        work(CompactRows {
            width,
            rows: rows.len(),
            blocks,
            group: self.group,
            codes,
            scales,
        })
    }

    /// Values [rows, cols] of some rows: the bits of `code * scale`, times the factors of the columns.
    ///
    /// # Panics
    /// If the range goes beyond the matrix, or `out` has another length.
    pub fn values(&self, kernels: &Kernels, rows: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), rows.len() * self.cols, "rows * cols");
        let mut space = Vec::new();
        // A few rows at a time, so that what is spread stays in the first-level cache.
        for (index, out) in out.chunks_mut(4 * self.cols).enumerate() {
            let first = rows.start + 4 * index;
            let some = first..first + out.len() / self.cols;
            self.with_rows(kernels, some, &mut space, |rows| {
                kernels.compact_decode(&rows, self.cols, out);
            });
            if !self.columns.is_empty() {
                out.chunks_exact_mut(self.cols)
                    .for_each(|row| self.scale_columns(row));
            }
        }
    }
}

/// Number of codes that are 0, and whether all fit 4 bits.
fn look(pool: &Pool, codes: &[i8]) -> (usize, bool) {
    const PIECE: usize = 1 << 16;
    let parts = pool.map(codes.len().div_ceil(PIECE), |index| {
        let codes = &codes[index * PIECE..codes.len().min((index + 1) * PIECE)];
        let zeros = codes.iter().filter(|code| **code == 0).count();
        let wide = codes
            .iter()
            .fold(false, |wide, code| wide | !(-8..8).contains(code));
        (zeros, !wide)
    });
    let zeros = parts.iter().map(|part| part.0).sum();
    (zeros, parts.iter().all(|part| part.1))
}

/// Codes in blocks without masks.
fn all(pool: &Pool, width: Width, cols: usize, codes: &[i8]) -> Bytes {
    let row_bytes = cols.div_ceil(BLOCK) * width.block_bytes();
    let mut bytes = Bytes::zeros(codes.len() / cols * row_bytes);
    // Whole rows of about 64 KiB.
    let rows = (65536 / row_bytes).max(1);
    pool.chunks_mut(&mut bytes, rows * row_bytes, |index, out| {
        let rows = codes[index * rows * cols..].chunks_exact(cols);
        for (row, out) in rows.zip(out.chunks_exact_mut(row_bytes)) {
            let mut block = [0; BLOCK];
            for (piece, out) in row
                .chunks(BLOCK)
                .zip(out.chunks_exact_mut(width.block_bytes()))
            {
                block[..piece.len()].copy_from_slice(piece);
                block[piece.len()..].fill(0);
                for (at, out) in out.iter_mut().enumerate() {
                    *out = match width {
                        Width::Four => {
                            let [low, high] =
                                [2 * at, 2 * at + 1].map(|place| block[column(place)]);
                            low as u8 & 15 | (high as u8) << 4
                        }
                        _ => block[at] as u8,
                    };
                }
            }
        }
    });
    bytes
}
