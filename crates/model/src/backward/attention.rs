//! Backward of attention; forward: [`crate::attention`].
//!
//! A task is one head of one sequence. It goes through its queries in tiles, makes the probabilities of a tile again, and holds no more
//! than that tile of scores and one of their gradients. Heads that share keys each have their own gradient of them; these are added in
//! the order of the heads, so that nothing depends on threads.

use super::attention_tile::AttentionTile;
use crate::Batch;
use crate::attention::{QUERY_TILE, softmax};
use crate::attention_heads::Heads;
use crate::buffers::Buffers;
use crate::forward::rows_per_chunk;
use kerf_kernels::{Compute, Linalg, MatMut, MatRef, Pool};
use std::ops::Range;

/// Gradients that one head of one sequence gives.
struct Task<'a> {
    sequence: usize,
    head: usize,
    /// Of queries, keys and values: [tokens, dim] each.
    queries: &'a mut [f32],
    keys: &'a mut [f32],
    values: &'a mut [f32],
    /// Of the bias of each distance.
    distances: Vec<f32>,
}

/// A tile of probabilities, or of scores, and the gradients of them.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    grads: Vec<f32>,
}

/// What the tasks read.
struct Work<'a> {
    compute: &'a Compute,
    linalg: Linalg,
    heads: &'a Heads<'a>,
    batch: &'a Batch,
    qkv: &'a [f32],
    grad: &'a [f32],
}

/// Gradients of queries, keys and values as attention sees them [tokens, query + 2 kv], from that of its result [tokens, query], and of
/// the distance biases [heads, distances] (empty without).
pub(super) fn attention_grad(
    compute: &Compute,
    heads: &Heads<'_>,
    batch: &Batch,
    (qkv, grad): (&[f32], &[f32]),
    buffers: &mut Buffers,
) -> (Vec<f32>, Vec<f32>) {
    // Products inside a task stay on its thread.
    let linalg = Linalg::with_kernels(compute.kernels, Pool::new(1));
    let work = Work {
        compute,
        linalg: linalg.counting(compute.linalg.flops()),
        heads,
        batch,
        qkv,
        grad,
    };
    let mut parts = buffers.take(3 * heads.heads * heads.dim * batch.tokens());
    let mut tasks = work.tasks(&mut parts);
    compute.pool.chunks_mut(&mut tasks, 1, |_, tasks| {
        tasks.iter_mut().for_each(|task| work.run(task));
    });
    let width = heads.distance.map_or(0, |table| table.width());
    let mut distances = vec![0.0; heads.heads * width];
    for task in tasks.iter().filter(|task| !task.distances.is_empty()) {
        let own = &mut distances[task.head * width..][..width];
        compute.kernels.add(&task.distances, own);
    }
    let (query, kv) = heads.widths();
    let mut out = buffers.take(batch.tokens() * (query + 2 * kv));
    gather(&work, &tasks, &mut out);
    buffers.give(parts);
    (out, distances)
}

/// The rows of all tokens from what the tasks gave.
fn gather(work: &Work<'_>, tasks: &[Task<'_>], out: &mut [f32]) {
    let (heads, batch) = (work.heads, work.batch);
    let (query, kv) = heads.widths();
    let (dim, stride) = (heads.dim, query + 2 * kv);
    let group = heads.heads / heads.kv_heads;
    let mut of_token = Vec::with_capacity(batch.tokens());
    for (sequence, pair) in batch.starts.windows(2).enumerate() {
        of_token.extend((pair[0]..pair[1]).map(|token| (sequence, token - pair[0])));
    }
    let rows = rows_per_chunk(stride);
    (work.compute.pool).chunks_mut(out, rows * stride, |index, out| {
        for (row, (sequence, at)) in out.chunks_exact_mut(stride).zip(&of_token[index * rows..]) {
            let (queries, rest) = row.split_at_mut(query);
            rest.fill(0.0);
            let (keys, values) = rest.split_at_mut(kv);
            for head in 0..heads.heads {
                let task = &tasks[sequence * heads.heads + head];
                let own = at * dim..(at + 1) * dim;
                queries[head * dim..][..dim].copy_from_slice(&task.queries[own.clone()]);
                let shared = head / group * dim;
                let kernels = &work.compute.kernels;
                kernels.add(&task.keys[own.clone()], &mut keys[shared..][..dim]);
                kernels.add(&task.values[own], &mut values[shared..][..dim]);
            }
        }
    });
}

impl Work<'_> {
    /// A task for each sequence and head, with its part of `memory` [tokens, heads, 3, dim].
    fn tasks<'m>(&self, mut memory: &'m mut [f32]) -> Vec<Task<'m>> {
        let mut part = |values: usize| {
            let (own, rest) = std::mem::take(&mut memory).split_at_mut(values);
            memory = rest;
            own
        };
        let mut tasks = Vec::with_capacity(self.batch.sequences() * self.heads.heads);
        for (sequence, pair) in self.batch.starts.windows(2).enumerate() {
            let values = (pair[1] - pair[0]) * self.heads.dim;
            for head in 0..self.heads.heads {
                tasks.push(Task {
                    sequence,
                    head,
                    queries: part(values),
                    keys: part(values),
                    values: part(values),
                    distances: vec![0.0; self.heads.distance.map_or(0, |table| table.width())],
                });
            }
        }
        tasks
    }

    fn run(&self, task: &mut Task<'_>) {
        let pair = &self.batch.starts[task.sequence..task.sequence + 2];
        let tokens = pair[1] - pair[0];
        task.keys.fill(0.0);
        task.values.fill(0.0);
        let mut scratch = Scratch::default();
        for from in (0..tokens).step_by(QUERY_TILE) {
            self.tile(task, from..tokens.min(from + QUERY_TILE), &mut scratch);
        }
    }

    /// Queries `rows` of the sequence of a task.
    fn tile(&self, task: &mut Task<'_>, rows: Range<usize>, scratch: &mut Scratch) {
        let (heads, dim, head) = (self.heads, self.heads.dim, task.head);
        let tokens = self.batch.starts[task.sequence]..self.batch.starts[task.sequence + 1];
        let parts = (&self.batch.positions[..], self.qkv, self.grad);
        let tile = AttentionTile::of(heads, parts, &tokens, head, &rows);
        let (q, k, v, d_out) = (tile.q, tile.k, tile.v, tile.grad);
        let (first, seen) = (tile.seen.first, tile.seen.keys);
        let n = rows.len();
        let scores = |scores: &mut [f32]| {
            let out = MatMut::dense(scores, n, seen);
            self.linalg.gemm_nt(out, q, k, heads.scale, 0.0);
        };
        scratch.scores.resize(n * seen, 0.0);
        scratch.grads.resize(n * seen, 0.0);
        let (p, d) = (&mut scratch.scores[..], &mut scratch.grads[..]);
        scores(p);
        let places = (tile.queries, tile.keys);
        softmax(self.compute, heads, places, tile.seen, p);
        let keys_of = first * dim..(first + seen) * dim;
        let p_ref = MatRef::dense(p, n, seen);
        let out = MatMut::dense(&mut task.values[keys_of.clone()], seen, dim);
        self.linalg.gemm_tn(out, p_ref, d_out, 1.0, 1.0);
        self.linalg
            .gemm_nt(MatMut::dense(d, n, seen), d_out, v, 1.0, 0.0);
        for (row, d) in d.chunks_exact_mut(seen).enumerate() {
            self.compute
                .kernels
                .softmax_grad(&p[row * seen..][..seen], d);
            if let Some(table) = heads.distance {
                let keys = &self.batch.positions[tokens.clone()][first..first + seen];
                table.add_grad(tile.queries[row], keys, d, &mut task.distances);
            }
        }
        if let Some(cap) = heads.cap {
            // Scores before the cap, once more: p is no longer needed.
            scores(p);
            p.iter_mut().for_each(|score| *score /= cap);
            self.compute.kernels.tanh(p);
            self.compute.kernels.tanh_grad(p, d);
        }
        let d = MatRef::dense(d, n, seen);
        let queries_of = rows.start * dim..rows.end * dim;
        let out = MatMut::dense(&mut task.queries[queries_of], n, dim);
        self.linalg.gemm_nn(out, d, k, heads.scale, 0.0);
        let out = MatMut::dense(&mut task.keys[keys_of], seen, dim);
        self.linalg.gemm_tn(out, d, q, heads.scale, 1.0);
    }
}
