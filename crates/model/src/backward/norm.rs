//! Backward of norms of rows and of heads; forward: [`crate::norm`] and `Pass::norm_heads`.

use super::linear::{add_up, column_sums};
use crate::block::BlockWeights;
use crate::config::Settings;
use crate::forward::rows_per_chunk;
use crate::norm::NormWeights;
use kerf_kernels::Compute;

/// Some rows of a gradient, and what they add to that of the scale.
struct Rows<'a> {
    out: &'a mut [f32],
    sums: Vec<f32>,
}

/// Runs `each` on tiles of rows of `out`, with the index of the tile's first row; the sums of all tiles, added in their order.
fn by_tiles(
    compute: &Compute,
    out: &mut [f32],
    cols: usize,
    sums: usize,
    each: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let rows = rows_per_chunk(cols);
    let tiles = out.chunks_mut(rows * cols).map(|out| Rows {
        out,
        sums: vec![0.0; sums],
    });
    let mut tiles: Vec<Rows<'_>> = tiles.collect();
    compute.pool.chunks_mut(&mut tiles, 1, |index, tiles| {
        for tile in tiles {
            each(index * rows, tile.out, &mut tile.sums);
        }
    });
    let parts = tiles.into_iter().map(|tile| tile.sums).collect();
    add_up(compute, parts, sums)
}

/// `out` gets the gradient of `x` added, from that of the norm's result. Gives the gradients of scale and shift.
pub(in crate::backward) fn norm_grad(
    compute: &Compute,
    norm: &NormWeights,
    x: &[f32],
    grad: &[f32],
    out: &mut [f32],
) -> (Vec<f32>, Option<Vec<f32>>) {
    let cols = norm.scale().len();
    let scale = by_tiles(compute, out, cols, cols, |first, out, sums| {
        for (row, out) in out.chunks_exact_mut(cols).enumerate() {
            let at = (first + row) * cols;
            let (x, grad) = (&x[at..at + cols], &grad[at..at + cols]);
            norm.row_grad(&compute.kernels, x, grad, out, sums);
        }
    });
    let shift = norm.shift().map(|_| column_sums(compute, grad, cols));
    (scale, shift)
}

/// Turns the gradients of normalised queries and keys (in rows of `heads`) into those of bare ones. Gives the gradients of the scales of
/// queries and keys.
pub(super) fn head_norms_grad(
    compute: &Compute,
    settings: &Settings,
    block: &BlockWeights,
    bare: &[f32],
    heads: &mut [f32],
) -> Option<(Vec<f32>, Vec<f32>)> {
    let norms = (block.norms.query.as_ref()).zip(block.norms.key.as_ref());
    let (of_queries, of_keys) = norms?;
    let (query, kv) = (settings.query_width(), settings.kv_width());
    let (dim, cols) = (settings.head_dim, query + 2 * kv);
    let mut sums = by_tiles(compute, heads, cols, 2 * dim, |first, rows, sums| {
        let (query_sums, key_sums) = sums.split_at_mut(dim);
        let mut out = vec![0.0; dim];
        for (row, heads) in rows.chunks_exact_mut(cols).enumerate() {
            let bare = &bare[(first + row) * cols..][..query + kv];
            let pairs = heads[..query + kv].chunks_exact_mut(dim);
            for (index, (head, bare)) in pairs.zip(bare.chunks_exact(dim)).enumerate() {
                out.fill(0.0);
                match index * dim < query {
                    true => of_queries.row_grad(&compute.kernels, bare, head, &mut out, query_sums),
                    false => of_keys.row_grad(&compute.kernels, bare, head, &mut out, key_sums),
                }
                head.copy_from_slice(&out);
            }
        }
    });
    let keys = sums.split_off(dim);
    Some((sums, keys))
}
