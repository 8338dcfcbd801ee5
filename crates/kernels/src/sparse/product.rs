//! The sparse product on the pool. Tiles of tokens are packed first; then every panel of rows is multiplied by every tile.

use super::{PANEL, SparseMatrix, TILE};
use crate::aligned::{Spare, with_spare};
use crate::linalg::tile::Tile;
use crate::{Compute, MatMut, MatRef};

/// Up to this many tokens, each token is multiplied separately. With more tokens, tokens as vector lanes are faster, even if most
/// lanes are idle.
const FEW_TOKENS: usize = 1;
/// Most packed f32 at a time (8 MiB), unless a single tile has more. The limit bounds memory and keeps the packed tokens in a
/// shared cache.
const PACKED: usize = 1 << 21;

thread_local! {
    /// Packed tokens. The buffer belongs to the thread that called the product.
    static TOKENS: Spare = const { Spare::new(Vec::new()) };
    /// Sums and results of one task.
    static SUMS: Spare = const { Spare::new(Vec::new()) };
}

impl Compute {
    /// `c = a w^T`, or `c += a w^T` if `add`: the product of a linear layer. c [tokens, out], a [tokens, in], w [out, in]. A zero
    /// weight is skipped, so an infinity or NaN in `a` does not reach the result through it. In a dense product it does.
    ///
    /// # Panics
    /// If the shapes do not fit one another or their data.
    pub fn sparse_nt(&self, c: MatMut<'_>, a: MatRef<'_>, w: &SparseMatrix, add: bool) {
        let shapes = (c.rows, a.cols, c.cols) == (a.rows, w.cols(), w.rows());
        assert!(
            shapes,
            "sparse_nt: c [m, n], a [m, k] and w [n, k] do not fit"
        );
        self.linalg.flops().add_product(a.rows, w.nonzeros(), 1);
        let (c, a) = (c.tile(), a.tile());
        let product = Product {
            compute: self,
            w,
            add,
        };
        if c.rows <= FEW_TOKENS {
            return product.few(c, a);
        }
        let tiles = (PACKED / (TILE * w.cols())).max(1);
        for first in (0..c.rows).step_by(tiles * TILE) {
            let tokens = (tiles * TILE).min(c.rows - first);
            product.many(
                c.part(first, 0, tokens, c.cols),
                a.part(first, 0, tokens, a.cols),
            );
        }
    }
}

struct Product<'a> {
    compute: &'a Compute,
    w: &'a SparseMatrix,
    add: bool,
}

impl Product<'_> {
    /// Multiplies token by token.
    fn few(&self, c: Tile<'_>, a: Tile<'_>) {
        let panels = self.w.panels();
        self.compute.pool.run(panels.len(), |index| {
            let mut out = [0.0; PANEL];
            for token in 0..c.rows {
                // SAFETY: a is only read.
                let x = unsafe { a.row(token, 0, a.cols) };
                self.compute.kernels.sparse_row(&panels[index], x, &mut out);
                // SAFETY: only this task writes the columns of this panel.
                unsafe { self.put(&out, c, token, index) };
            }
        });
    }

    /// Multiplies tile by tile.
    fn many(&self, c: Tile<'_>, a: Tile<'_>) {
        let tiles = c.rows.div_ceil(TILE);
        let tokens = |tile: usize| TILE.min(c.rows - tile * TILE);
        let (pool, kernels) = (&self.compute.pool, &self.compute.kernels);
        let (panels, cols) = (self.w.panels(), a.cols);
        with_spare(&TOKENS, tiles * cols * TILE, |packed| {
            pool.chunks_mut(packed, cols * TILE, |tile, packed| {
                let part = a.part(tile * TILE, 0, tokens(tile), cols);
                // SAFETY: a is only read.
                let x = unsafe { part.span() };
                kernels.sparse_pack(x, a.row_stride, cols, tokens(tile), packed);
            });
            let packed = &*packed;
            // The tiles of one panel follow one another, so that the weights of the panel stay in the cache.
            pool.run(panels.len() * tiles, |index| {
                let (panel, tile) = (index / tiles, index % tiles);
                let packed = &packed[tile * cols * TILE..][..cols * TILE];
                with_spare(&SUMS, 2 * PANEL * TILE, |scratch| {
                    let (sums, out) = scratch.split_at_mut(PANEL * TILE);
                    kernels.sparse_tile(&panels[panel], packed, tokens(tile), sums, out);
                    for (token, out) in out.chunks_exact(PANEL).enumerate().take(tokens(tile)) {
                        // SAFETY: only this task writes the columns of this panel in the rows of this tile.
                        unsafe { self.put(out, c, tile * TILE + token, panel) };
                    }
                });
            });
        });
    }

    /// Writes the results of one token and one panel to `c`.
    ///
    /// # Safety
    /// No other thread uses the columns of this panel in this row of `c`.
    unsafe fn put(&self, out: &[f32], c: Tile<'_>, token: usize, panel: usize) {
        let first = panel * PANEL;
        let count = self.w.panels()[panel].rows();
        // SAFETY: the caller's promise.
        let row = unsafe { c.row_mut(token, first, first + count) };
        match self.add {
            true => self.compute.kernels.add(&out[..count], row),
            false => row.copy_from_slice(&out[..count]),
        }
    }
}
