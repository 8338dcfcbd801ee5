//! A tile of queries of one head of one sequence, and what it sees.

use crate::attention::Seen;
use crate::attention_heads::Heads;
use crate::positions::Positions;
use kerf_kernels::MatRef;
use std::ops::Range;

/// Views of a tile of queries and of the keys that any of them sees.
pub(super) struct AttentionTile<'a> {
    /// Positions of the queries.
    pub queries: &'a [usize],
    /// Positions of the sequence.
    pub keys: Positions<'a>,
    /// The head, and the keys that are seen.
    pub seen: Seen,
    /// [queries, dim].
    pub q: MatRef<'a>,
    /// [keys, dim].
    pub k: MatRef<'a>,
    /// [keys, dim].
    pub v: MatRef<'a>,
    /// Gradient of what attention gives the queries, [queries, dim].
    pub grad: MatRef<'a>,
}

impl<'a> AttentionTile<'a> {
    /// Queries `rows` of the sequence `tokens` of a batch. `positions` are those of all tokens, `qkv` [tokens, query + 2 kv] and `grad`
    /// [tokens, query] lie as attention has them.
    pub fn of(
        heads: &Heads<'_>,
        (positions, qkv, grad): (&'a [usize], &'a [f32], &'a [f32]),
        tokens: &Range<usize>,
        head: usize,
        rows: &Range<usize>,
    ) -> Self {
        let all = &positions[tokens.clone()];
        let (queries, keys) = (&all[rows.clone()], Positions::new(all));
        let first = heads.visible(queries[0], keys).start;
        let seen = heads.visible(queries[queries.len() - 1], keys).end - first;
        let (query, kv) = heads.widths();
        let group = heads.heads / heads.kv_heads;
        let matrix =
            |data: &'a [f32], stride: usize, token: usize, column: usize, rows: usize| MatRef {
                data: &data[(tokens.start + token) * stride + column..],
                rows,
                cols: heads.dim,
                stride,
            };
        let of_qkv = |token, column, rows| matrix(qkv, query + 2 * kv, token, column, rows);
        Self {
            queries,
            keys,
            seen: Seen {
                head,
                first,
                keys: seen,
            },
            q: of_qkv(rows.start, head * heads.dim, rows.len()),
            k: of_qkv(first, query + head / group * heads.dim, seen),
            v: of_qkv(first, query + kv + head / group * heads.dim, seen),
            grad: matrix(grad, query, rows.start, head * heads.dim, rows.len()),
        }
    }
}
