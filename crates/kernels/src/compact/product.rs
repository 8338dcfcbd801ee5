//! The product on the pool: few tokens straight from codes, many through values.

use super::CompactMatrix;
use crate::aligned::{Spare, with_spare};
use crate::linalg::tile::Tile;
use crate::{Compute, MatMut, MatRef, SparseMatrix};
use std::ops::Range;

/// Up to so many tokens are multiplied with codes as they are turned to f32. With more, the dense product of decoded rows is faster.
const FEW_TOKENS: usize = 8;
/// From so many tokens on the nonzeros of a matrix are worth being listed, where it has enough zeros for that.
const SPARSE_TOKENS: usize = 128;
/// Weights of a task of few tokens.
const TASK_WEIGHTS: usize = 1 << 16;
/// Rows that a task spreads at a time.
const STEP_ROWS: usize = 8;
/// Rows that are decoded at a time for many tokens: as many as a tile of the dense product has columns.
const PANEL_ROWS: usize = 256;
/// Rows of them that a task decodes.
const DECODED_ROWS: usize = 16;

thread_local! {
    /// Tokens with zeros behind their last column. The buffer belongs to the thread that called the product.
    static TOKENS: Spare = const { Spare::new(Vec::new()) };
    /// Decoded rows.
    static VALUES: Spare = const { Spare::new(Vec::new()) };
}

impl Compute {
    /// `c = a w^T`, or `c += a w^T` if `add`: the product of a linear layer. c [tokens, out], a [tokens, in], w [out, in].
    ///
    /// # Panics
    /// If the shapes do not fit one another or their data.
    pub fn compact_nt(&self, c: MatMut<'_>, a: MatRef<'_>, w: &CompactMatrix, add: bool) {
        let shapes = (c.rows, a.cols, c.cols) == (a.rows, w.cols(), w.rows());
        assert!(
            shapes,
            "compact_nt: c [m, n], a [m, k] and w [n, k] do not fit"
        );
        if a.rows <= FEW_TOKENS {
            self.linalg.flops().add_product(a.rows, w.rows(), w.cols());
            return self.few(c.tile(), a.tile(), w, add);
        }
        if a.rows >= SPARSE_TOKENS
            && let Some(sparse) = self.nonzeros(w)
        {
            return self.sparse_nt(c, a, &sparse, add);
        }
        self.many(c, a, w, add);
    }

    /// Values [rows, cols] of some rows, by all threads: the bits of code times scale.
    ///
    /// # Panics
    /// If the rows go beyond the matrix, or `out` has another length.
    pub fn compact_values(&self, w: &CompactMatrix, rows: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), rows.len() * w.cols(), "rows * cols");
        let task = DECODED_ROWS * w.cols();
        self.pool.chunks_mut(out, task, |index, out| {
            let first = rows.start + index * DECODED_ROWS;
            w.values(&self.kernels, first..first + out.len() / w.cols(), out);
        });
    }

    /// The matrix as a sparse one, if it has zeros enough.
    fn nonzeros(&self, w: &CompactMatrix) -> Option<SparseMatrix> {
        SparseMatrix::from_rows(&self.pool, (w.rows(), w.cols()), w.zeros(), &|rows, out| {
            w.values(&self.kernels, rows, out);
        })
    }

    fn few(&self, c: Tile<'_>, a: Tile<'_>, w: &CompactMatrix, add: bool) {
        let (tokens, padded) = (a.rows, w.padded());
        with_spare(&TOKENS, tokens * padded, |x| {
            for (token, x) in x.chunks_exact_mut(padded.max(1)).enumerate() {
                // SAFETY: a is only read.
                x[..a.cols].copy_from_slice(unsafe { a.row(token, 0, a.cols) });
                w.scale_columns(x);
                x[a.cols..].fill(0.0);
            }
            let x = &*x;
            let steps = (TASK_WEIGHTS / padded / STEP_ROWS).max(1);
            let rows = steps * STEP_ROWS;
            self.pool.run(w.rows().div_ceil(rows), |index| {
                let rows = index * rows..w.rows().min((index + 1) * rows);
                let (mut space, mut out) = (Vec::new(), vec![0.0; tokens * STEP_ROWS]);
                for first in rows.clone().step_by(STEP_ROWS) {
                    let some = first..rows.end.min(first + STEP_ROWS);
                    let count = some.len();
                    let out = &mut out[..tokens * count];
                    w.with_rows(&self.kernels, some.clone(), &mut space, |rows| {
                        self.kernels.compact_product(&rows, x, tokens, out);
                    });
                    for (token, out) in out.chunks_exact(count).enumerate() {
                        // SAFETY: only this task writes these columns.
                        let row = unsafe { c.row_mut(token, some.start, some.end) };
                        match add {
                            true => row.iter_mut().zip(out).for_each(|(c, out)| *c += out),
                            false => row.copy_from_slice(out),
                        }
                    }
                }
            });
        });
    }

    fn many(&self, c: MatMut<'_>, a: MatRef<'_>, w: &CompactMatrix, add: bool) {
        let (rows, cols) = (w.rows(), w.cols());
        let (stride, tokens) = (c.stride, c.rows);
        let beta = if add { 1.0 } else { 0.0 };
        for first in (0..rows).step_by(PANEL_ROWS) {
            let count = PANEL_ROWS.min(rows - first);
            with_spare(&VALUES, count * cols, |values| {
                self.compact_values(w, first..first + count, values);
                let out = MatMut {
                    data: &mut c.data[first..],
                    rows: tokens,
                    cols: count,
                    stride,
                };
                let weight = MatRef::dense(values, count, cols);
                self.linalg.gemm_nt(out, a, weight, 1.0, beta);
            });
        }
    }
}
