//! Tensors that an adapter changes: `W + scale B A`. The sum is computed whenever the tensor is read; no merged copy is stored.

use super::plain::Plain;
use super::{Catalog, Span, TensorEntry};
use crate::bytes::as_bytes;
use crate::digest::Digest;
use crate::{DType, TensorsError, transpose};
use kerf_kernels::{Compute, MatMut, MatRef};
use std::ops::Range;

/// A tensor of the model with the changes of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The values before the product is added: those of the model, or those that the adapter puts in their place.
    pub(super) base: Numbers,
    /// The product that the adapter adds, if any.
    pub(super) added: Option<LowRank>,
}

/// The low-rank update `scale B A` of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LowRank {
    /// The first factor [rank, inputs].
    pub a: Numbers,
    /// The second factor [outputs, rank].
    pub b: Numbers,
    pub rank: usize,
    pub scale: f32,
    /// Whether the model stores the matrix as [inputs, outputs], so that the transpose of the product is added.
    pub turned: bool,
}

/// The place of a plain tensor whose type kerf can compute on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numbers {
    pub span: Span,
    pub dtype: DType,
}

impl Merged {
    fn numbers(&self) -> impl Iterator<Item = &Numbers> {
        let factors = self.added.iter().flat_map(|added| [&added.a, &added.b]);
        std::iter::once(&self.base).chain(factors)
    }

    /// Bytes of the tensor and of both factors in their files.
    pub fn stored_bytes(&self) -> u64 {
        self.numbers().map(|numbers| numbers.span.len_bytes).sum()
    }

    /// Index of the file that holds the tensor itself.
    pub fn shard(&self) -> usize {
        self.base.span.shard
    }
}

/// Rows that one product computes. The order of a product's sums depends on its shape and on the row's place in it. Blocks that
/// begin at fixed rows give a row the same bytes whichever range of rows is read.
const BLOCK_ROWS: usize = 32;

impl Catalog {
    /// Fills `values` with a range of rows; a row is `shape[1..]` elements. `values` must have the size of these rows.
    pub(super) fn read_merged(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        merged: &Merged,
        rows: Range<usize>,
        values: &mut [f32],
    ) -> Result<(), TensorsError> {
        let cols: usize = entry.shape.iter().skip(1).product();
        let base = self.numbers(&merged.base);
        base.read(compute, rows.start * cols, values, None)?;
        match &merged.added {
            Some(added) if !values.is_empty() => {
                let all = [entry.shape[0], cols];
                let left = self.left_factor(compute, all[0], added, rows.clone())?;
                let right = self.right_factor(compute, cols, added)?;
                added.add(compute, &left, &right, values, all, rows);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds the bytes of all tensors that the values depend on, and the scale, to a digest.
    pub(super) fn merged_digest(
        &self,
        merged: &Merged,
        digest: &mut Digest,
    ) -> Result<(), TensorsError> {
        for Numbers { span, .. } in merged.numbers() {
            digest.update_from(self.source(span), span.offset, span.len_bytes)?;
        }
        if let Some(added) = &merged.added {
            digest.update(as_bytes(&[added.scale]));
        }
        Ok(())
    }

    /// Rows of the factor that has the matrix's rows: [rows, rank].
    fn left_factor(
        &self,
        compute: &Compute,
        all_rows: usize,
        added: &LowRank,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        let (count, rank) = (rows.len(), added.rank);
        let mut values = vec![0.0; count * rank];
        if !added.turned {
            let b = self.numbers(&added.b);
            b.read(compute, rows.start * rank, &mut values, None)?;
            return Ok(values);
        }
        let a = self.numbers(&added.a);
        for (row, values) in values.chunks_exact_mut(count).enumerate() {
            a.read(compute, row * all_rows + rows.start, values, None)?;
        }
        Ok(transpose(compute, &values, rank, count))
    }

    /// The factor that has the matrix's columns: [rank, cols].
    fn right_factor(
        &self,
        compute: &Compute,
        cols: usize,
        added: &LowRank,
    ) -> Result<Vec<f32>, TensorsError> {
        let mut values = vec![0.0; added.rank * cols];
        let factor = if added.turned { &added.b } else { &added.a };
        self.numbers(factor).read(compute, 0, &mut values, None)?;
        Ok(match added.turned {
            false => values,
            true => transpose(compute, &values, cols, added.rank),
        })
    }

    fn numbers(&self, numbers: &Numbers) -> Plain<'_> {
        Plain {
            source: self.source(&numbers.span),
            offset: numbers.span.offset,
            dtype: numbers.dtype,
        }
    }
}

impl LowRank {
    /// `values` += scale * `left` * `right`. `values` and `left` hold the rows `rows` of a matrix of `all_rows` x `cols`.
    fn add(
        &self,
        compute: &Compute,
        left: &[f32],
        right: &[f32],
        values: &mut [f32],
        [all_rows, cols]: [usize; 2],
        rows: Range<usize>,
    ) {
        let add = |first: usize, values: &mut [f32]| {
            let left = &left[(first - rows.start) * self.rank..];
            self.add_to_block(compute, left, right, values, [all_rows, cols], first);
        };
        // First the rows before the next start of a block, then whole blocks.
        let before = rows.start.next_multiple_of(BLOCK_ROWS).min(rows.end) - rows.start;
        let (start, rest) = values.split_at_mut(before * cols);
        if !start.is_empty() {
            add(rows.start, start);
        }
        compute
            .pool
            .chunks_mut(rest, BLOCK_ROWS * cols, |block, values| {
                add(rows.start + before + block * BLOCK_ROWS, values);
            });
    }

    /// Computes rows of one block, from row `first` on. Missing rows of the block are filled with zeros, so that the product has
    /// the shape of a whole block.
    fn add_to_block(
        &self,
        compute: &Compute,
        left: &[f32],
        right: &[f32],
        values: &mut [f32],
        [all_rows, cols]: [usize; 2],
        first: usize,
    ) {
        let product = |left: &[f32], values: &mut [f32], rows: usize| {
            let left = MatRef::dense(left, rows, self.rank);
            let right = MatRef::dense(right, self.rank, cols);
            let values = MatMut::dense(values, rows, cols);
            compute.linalg.gemm_nn(values, left, right, self.scale, 1.0);
        };
        let (inside, count) = (first % BLOCK_ROWS, values.len() / cols);
        let rows = BLOCK_ROWS.min(all_rows - (first - inside));
        let left = &left[..count * self.rank];
        if count == rows {
            return product(left, values, rows);
        }
        let mut padded_left = vec![0.0; rows * self.rank];
        padded_left[inside * self.rank..][..left.len()].copy_from_slice(left);
        let mut padded = vec![0.0; rows * cols];
        padded[inside * cols..][..values.len()].copy_from_slice(values);
        product(&padded_left, &mut padded, rows);
        values.copy_from_slice(&padded[inside * cols..][..values.len()]);
    }
}
