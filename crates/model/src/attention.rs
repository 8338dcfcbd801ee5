//! Attention of ragged sequences: one task for each tile of queries of one sequence, all heads in it.
//!
//! A tile never depends on the batch or the number of threads, so a sequence gives the same values alone and in a batch.
//! Memory is one tile of scores [QUERY_TILE, keys] for each worker.
//!
//! Somebody may look at the probabilities that tokens receive ([`Received`]). A tile then adds up its own in a fixed order, and
//! the tiles are added up one after the other, so that the sums do not depend on threads. Where nobody looks, nothing is added.

use crate::attention_heads::Heads;
use crate::positions::Positions;
use crate::received::{Look, Received, TileSums, add_up};
use crate::small::{self, Panel};
use crate::{Batch, BlockCache};
use kerf_kernels::{Compute, Isa, Linalg, MatMut, MatRef, Pool};

/// Queries of a tile.
pub(crate) const QUERY_TILE: usize = 64;
/// Up to this many keys the products are made by plain loops in registers: a call of the linear algebra would cost more
/// than its work.
const FEW_KEYS: usize = 48;
/// Up to this many queries (decoding) the products are dot products and sums over keys and values as they lie.
const FEW_QUERIES: usize = 2;

/// Keys and values of one sequence: head g of token j begins at `[j * stride + g * dim]`.
#[derive(Clone, Copy)]
struct KeysValues<'a> {
    keys: &'a [f32],
    values: &'a [f32],
    stride: usize,
    positions: Positions<'a>,
    /// Place of the first key among those of all sequences.
    first: usize,
}

/// One task: some queries of one sequence, with the place in the output that is theirs.
struct Tile<'a> {
    /// Queries, [rows, query_stride], heads end to end in a row.
    queries: &'a [f32],
    query_stride: usize,
    rows: usize,
    /// Positions of the queries, and the place of the first in the batch.
    positions: &'a [usize],
    place: usize,
    source: KeysValues<'a>,
    /// [rows, heads * dim].
    out: &'a mut [f32],
    /// What its keys receive, where somebody looks.
    received: Option<TileSums>,
}

/// Attention within each sequence. `qkv`: [tokens, query + 2 * kv width]; the result is [tokens, query width].
pub(crate) fn attend(
    compute: &Compute,
    heads: &Heads<'_>,
    qkv: &[f32],
    batch: &Batch,
    received: Received<'_>,
) -> Vec<f32> {
    let (query, _) = heads.widths();
    let mut out = vec![0.0; batch.tokens() * query];
    attend_into(compute, heads, qkv, batch, received, &mut out);
    out
}

/// [`attend`], written to `out` [tokens, query width].
pub(crate) fn attend_into(
    compute: &Compute,
    heads: &Heads<'_>,
    qkv: &[f32],
    batch: &Batch,
    received: Received<'_>,
    out: &mut [f32],
) {
    let (query, kv) = heads.widths();
    let stride = query + 2 * kv;
    let mut tiles = Vec::new();
    let mut rest = out;
    for pair in batch.starts.windows(2) {
        let rows = &qkv[pair[0] * stride..pair[1] * stride];
        let tokens = pair[1] - pair[0];
        let (own, others) = rest.split_at_mut(tokens * query);
        rest = others;
        if tokens == 0 {
            continue;
        }
        let positions = &batch.positions[pair[0]..pair[1]];
        let source = KeysValues {
            keys: &rows[query..],
            values: &rows[query + kv..],
            stride,
            positions: Positions::new(positions),
            first: pair[0],
        };
        cut(heads, rows, (positions, pair[0]), source, own, &mut tiles);
    }
    run(compute, heads, &mut tiles, batch.tokens(), received);
}

/// Attention of the tokens of a batch to all that the caches of their sequences hold, themselves included: they were appended before.
pub(crate) fn attend_cached(
    compute: &Compute,
    heads: &Heads<'_>,
    qkv: &[f32],
    batch: &Batch,
    caches: &[&mut BlockCache],
    received: Received<'_>,
) -> Vec<f32> {
    let (query, kv) = heads.widths();
    let stride = query + 2 * kv;
    let mut out = vec![0.0; batch.tokens() * query];
    let (mut tiles, mut first) = (Vec::new(), 0);
    let mut rest = out.as_mut_slice();
    for (pair, cache) in batch.starts.windows(2).zip(caches) {
        let (own, others) = rest.split_at_mut((pair[1] - pair[0]) * query);
        rest = others;
        let source = KeysValues {
            keys: &cache.keys,
            values: &cache.values,
            stride: kv,
            positions: Positions::new(&cache.positions),
            first,
        };
        first += cache.tokens();
        if own.is_empty() {
            continue;
        }
        let rows = &qkv[pair[0] * stride..pair[1] * stride];
        let positions = &batch.positions[pair[0]..pair[1]];
        cut(heads, rows, (positions, pair[0]), source, own, &mut tiles);
    }
    run(compute, heads, &mut tiles, first, received);
    out
}

/// Cuts the queries of one sequence into tiles. `positions`: of the queries, with the place of the first in the batch.
fn cut<'a>(
    heads: &Heads<'_>,
    rows: &'a [f32],
    (positions, place): (&'a [usize], usize),
    source: KeysValues<'a>,
    out: &'a mut [f32],
    tiles: &mut Vec<Tile<'a>>,
) {
    let (query, kv) = heads.widths();
    let stride = query + 2 * kv;
    let outs = out.chunks_mut(QUERY_TILE * query);
    for (index, (queries, out)) in rows.chunks(QUERY_TILE * stride).zip(outs).enumerate() {
        tiles.push(Tile {
            queries,
            query_stride: stride,
            rows: out.len() / query,
            positions: &positions[index * QUERY_TILE..][..out.len() / query],
            place: place + index * QUERY_TILE,
            source,
            out,
            received: None,
        });
    }
}

/// Runs all tiles, and tells what each of so many keys received.
fn run(
    compute: &Compute,
    heads: &Heads<'_>,
    tiles: &mut [Tile<'_>],
    keys: usize,
    received: Received<'_>,
) {
    if let Some((look, _)) = received {
        for tile in &mut *tiles {
            tile.received = Some(TileSums::new(look));
        }
    }
    // Products inside a tile stay on its thread.
    let linalg = Linalg::new(compute.kernels.isa() == Isa::Portable, Pool::new(1));
    let linalg = linalg.counting(compute.linalg.flops());
    compute.pool.chunks_mut(tiles, 1, |_, tiles| {
        for tile in tiles {
            tile.run(compute, &linalg, heads);
        }
    });
    if let Some((look, received)) = received {
        let values = match look {
            Look::Received => keys,
            Look::Own => tiles.iter().map(|tile| tile.rows).sum(),
        };
        let sums = tiles.iter().filter_map(|tile| tile.received.as_ref());
        add_up(sums, values, received);
    }
}

/// One head of a tile, and the keys that any of its queries sees.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub head: usize,
    pub first: usize,
    pub keys: usize,
}

/// Scores of some queries to probabilities: the visible ones of each row, zeros around them. Positions of the queries, and of the keys.
pub(crate) fn softmax(
    compute: &Compute,
    heads: &Heads<'_>,
    (queries, keys): (&[usize], Positions<'_>),
    seen: Seen,
    scores: &mut [f32],
) {
    let stride = scores.len() / queries.len();
    for (position, scores) in queries.iter().zip(scores.chunks_exact_mut(stride)) {
        let visible = heads.visible(*position, keys);
        let visible = visible.start - seen.first..visible.end - seen.first;
        let inside = &mut scores[visible.clone()];
        if let Some(cap) = heads.cap {
            inside.iter_mut().for_each(|score| *score /= cap);
            compute.kernels.tanh(inside);
            inside.iter_mut().for_each(|score| *score *= cap);
        }
        if let Some(distance) = heads.distance {
            let keys = keys.from(seen.first + visible.start);
            distance.add(seen.head, *position, keys, inside);
        }
        compute.kernels.softmax(inside);
        scores[..visible.start].fill(0.0);
        scores[visible.end..].fill(0.0);
    }
}

impl Tile<'_> {
    fn run(&mut self, compute: &Compute, linalg: &Linalg, heads: &Heads<'_>) {
        // What any of the queries sees: of a window no more keys than it has are touched.
        let all = self.source.positions;
        let first = heads.visible(self.positions[0], all).start;
        let last = self.positions[self.rows - 1];
        let keys = heads.visible(last, all).end - first;
        let stride = keys.next_multiple_of(small::LANES);
        let mut scores = vec![0.0; self.rows * stride];
        let few_keys = keys <= FEW_KEYS;
        let mut packed = vec![0.0; if few_keys { heads.dim * stride } else { 0 }];
        let group = heads.heads / heads.kv_heads;
        if let Some(received) = &mut self.received {
            let own = self.positions.iter().map(|own| all.before(*own) - first);
            received.begin((self.place, own), (self.source.first + first, keys));
        }
        for head in 0..heads.heads {
            let at = first * self.source.stride + head / group * heads.dim;
            let source = KeysValues {
                keys: &self.source.keys[at..],
                values: &self.source.values[at..],
                ..self.source
            };
            let seen = Seen { head, first, keys };
            if self.rows <= FEW_QUERIES {
                self.head_by_rows(compute, heads, seen, source, &mut scores);
            } else if few_keys {
                if head % group == 0 {
                    small::transpose(source.keys, source.stride, keys, stride, &mut packed);
                }
                self.head_small(compute, heads, seen, source, &packed, &mut scores);
            } else {
                self.head_large(compute, linalg, heads, seen, source, &mut scores);
            }
            if let Some(received) = &mut self.received {
                received.add(&scores, stride);
            }
        }
    }

    /// See [`softmax`].
    fn softmax(&self, compute: &Compute, heads: &Heads<'_>, seen: Seen, scores: &mut [f32]) {
        let positions = (&self.positions[..self.rows], self.source.positions);
        softmax(compute, heads, positions, seen, scores);
    }

    fn head_by_rows(
        &mut self,
        compute: &Compute,
        heads: &Heads<'_>,
        seen: Seen,
        source: KeysValues<'_>,
        scores: &mut [f32],
    ) {
        let (dim, Seen { head, keys, .. }) = (heads.dim, seen);
        let stride = scores.len() / self.rows;
        for (row, scores) in scores.chunks_exact_mut(stride).enumerate() {
            let query = &self.queries[row * self.query_stride + head * dim..][..dim];
            for (score, key) in scores[..keys]
                .iter_mut()
                .zip(source.keys.chunks(source.stride))
            {
                *score = heads.scale * compute.kernels.dot(query, &key[..dim]);
            }
        }
        self.softmax(compute, heads, seen, scores);
        for (row, scores) in scores.chunks_exact(stride).enumerate() {
            let out = &mut self.out[(row * heads.heads + head) * dim..][..dim];
            out.fill(0.0);
            for (weight, value) in scores[..keys]
                .iter()
                .zip(source.values.chunks(source.stride))
            {
                compute.kernels.axpy(*weight, &value[..dim], out);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn head_small(
        &mut self,
        compute: &Compute,
        heads: &Heads<'_>,
        seen: Seen,
        source: KeysValues<'_>,
        packed: &[f32],
        scores: &mut [f32],
    ) {
        let (dim, rows) = (heads.dim, self.rows);
        let Seen { head, keys, .. } = seen;
        let stride = scores.len() / rows;
        small::product(
            Panel {
                data: &self.queries[head * dim..],
                stride: self.query_stride,
            },
            rows,
            Panel {
                data: packed,
                stride,
            },
            dim,
            heads.scale,
            scores,
            stride,
            stride,
        );
        self.softmax(compute, heads, seen, scores);
        small::product(
            Panel {
                data: scores,
                stride,
            },
            rows,
            Panel {
                data: source.values,
                stride: source.stride,
            },
            keys,
            1.0,
            &mut self.out[head * dim..],
            heads.heads * dim,
            dim,
        );
    }

    #[allow(clippy::too_many_arguments)]
    fn head_large(
        &mut self,
        compute: &Compute,
        linalg: &Linalg,
        heads: &Heads<'_>,
        seen: Seen,
        source: KeysValues<'_>,
        scores: &mut [f32],
    ) {
        let (dim, rows) = (heads.dim, self.rows);
        let Seen { head, keys, .. } = seen;
        let stride = scores.len() / rows;
        let matrix = |data, stride| MatRef {
            data,
            rows: keys,
            cols: dim,
            stride,
        };
        linalg.gemm_nt(
            MatMut {
                data: scores,
                rows,
                cols: keys,
                stride,
            },
            MatRef {
                data: &self.queries[head * dim..],
                rows,
                cols: dim,
                stride: self.query_stride,
            },
            matrix(source.keys, source.stride),
            heads.scale,
            0.0,
        );
        self.softmax(compute, heads, seen, scores);
        linalg.gemm_nn(
            MatMut {
                data: &mut self.out[head * dim..],
                rows,
                cols: dim,
                stride: heads.heads * dim,
            },
            MatRef {
                data: scores,
                rows,
                cols: keys,
                stride,
            },
            matrix(source.values, source.stride),
            1.0,
            0.0,
        );
    }
}
