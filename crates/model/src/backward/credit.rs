//! What a key is worth to the attention of a block: the change of a loss if the key were left out, or added.

use super::attention_tile::AttentionTile;
use crate::Batch;
use crate::attention::{QUERY_TILE, softmax};
use crate::attention_heads::Heads;
use kerf_kernels::{Compute, Linalg, MatMut, Pool};
use std::ops::Range;

/// Least share of attention that the other keys of a query are taken to have: without a key that has nearly all of it, the linear
/// estimate means nothing.
const LEAST_OTHERS: f64 = 0.05;

/// What the estimates are made of.
pub(super) struct Credit<'a> {
    pub compute: &'a Compute,
    pub heads: &'a Heads<'a>,
    /// All tokens, those that skip the block included.
    pub batch: &'a Batch,
    /// Whether each token goes through the block.
    pub kept: &'a [bool],
    /// Queries, keys and values of all tokens as attention sees them, [tokens, query + 2 kv].
    pub qkv: &'a [f32],
    /// Gradient of what attention gives, [tokens, query]; that of tokens that skip the block is not looked at.
    pub grad: &'a [f32],
}

impl Credit<'_> {
    /// For each token: what the loss changes by, to first order in what attention gives, from the block without the token among the keys
    /// of the other kept tokens to the block with it. The own query of the token has no part in it. The same bits for any number of
    /// threads.
    pub fn of_keys(&self) -> Vec<f64> {
        let heads = self.heads.heads;
        let linalg = Linalg::with_kernels(self.compute.kernels, Pool::new(1));
        let linalg = linalg.counting(self.compute.linalg.flops());
        let tasks = self.batch.sequences() * heads;
        let parts = self.compute.pool.map(tasks, |task| {
            self.of_head(&linalg, task / heads, task % heads)
        });
        let mut credits = vec![0.0; self.batch.tokens()];
        for (task, part) in parts.iter().enumerate() {
            let start = self.batch.starts[task / heads];
            for (sum, own) in credits[start..].iter_mut().zip(part) {
                *sum += own;
            }
        }
        credits
    }

    fn of_head(&self, linalg: &Linalg, sequence: usize, head: usize) -> Vec<f64> {
        let tokens = self.batch.starts[sequence]..self.batch.starts[sequence + 1];
        let mut credits = vec![0.0; tokens.len()];
        for from in (0..tokens.len()).step_by(QUERY_TILE) {
            let rows = from..tokens.len().min(from + QUERY_TILE);
            self.tile(linalg, &tokens, head, rows, &mut credits);
        }
        credits
    }

    /// Adds what the queries `rows` of a sequence say.
    fn tile(
        &self,
        linalg: &Linalg,
        tokens: &Range<usize>,
        head: usize,
        rows: Range<usize>,
        credits: &mut [f64],
    ) {
        let heads = self.heads;
        let parts = (&self.batch.positions[..], self.qkv, self.grad);
        let tile = AttentionTile::of(heads, parts, tokens, head, &rows);
        let (n, first, seen) = (rows.len(), tile.seen.first, tile.seen.keys);
        let (mut p, mut d) = (vec![0.0; n * seen], vec![0.0; n * seen]);
        linalg.gemm_nt(
            MatMut::dense(&mut p, n, seen),
            tile.q,
            tile.k,
            heads.scale,
            0.0,
        );
        let places = (tile.queries, tile.keys);
        softmax(self.compute, heads, places, tile.seen, &mut p);
        linalg.gemm_nt(MatMut::dense(&mut d, n, seen), tile.grad, tile.v, 1.0, 0.0);
        let kept = &self.kept[tokens.start + first..][..seen];
        for (row, (p, d)) in p.chunks_exact(seen).zip(d.chunks_exact(seen)).enumerate() {
            let own = rows.start + row - first;
            if kept[own] {
                of_query((p, d), kept, own, &mut credits[first..]);
            }
        }
    }
}

/// Adds what one query says. `p`: its attention to all keys, `d`: product of each value with the gradient.
fn of_query((p, d): (&[f32], &[f32]), kept: &[bool], own: usize, credits: &mut [f64]) {
    let keys = || p.iter().zip(d).zip(kept);
    let (mut sum, mut mixed) = (0.0f64, 0.0f64);
    for ((p, d), _) in keys().filter(|(_, kept)| **kept) {
        sum += f64::from(*p);
        mixed += f64::from(*p) * f64::from(*d);
    }
    // All attention may be on keys that are left out, as far as f32 can tell.
    let sum = sum.max(1e-12);
    let mixed = mixed / sum;
    for (at, ((p, d), kept)) in keys().enumerate() {
        if *p == 0.0 || at == own {
            continue;
        }
        let (p, d) = (f64::from(*p), f64::from(*d));
        let share = match kept {
            true => (p / sum) / (1.0 - p / sum).max(LEAST_OTHERS),
            false => p / (p + sum),
        };
        credits[at] += share * (d - mixed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loss is a product with what attention gives, so that leaving a key out, or adding one, can be done. Tolerance: f32.
    #[test]
    fn a_credit_is_the_loss_with_the_key_less_that_without() {
        let (scores, values) = (
            [0.3f64, -0.2, 1.1, 0.4, 0.0],
            [0.5f64, -1.0, 2.0, 0.25, 3.0],
        );
        let kept = [true, false, true, false, true];
        let loss = |keys: &[bool]| {
            let among = || (0..5).filter(|key| keys[*key]);
            let sum: f64 = among().map(|key| scores[key].exp()).sum();
            among()
                .map(|key| scores[key].exp() * values[key])
                .sum::<f64>()
                / sum
        };
        let all: f64 = scores.iter().map(|score| score.exp()).sum();
        let p: Vec<f32> = scores.map(|score| (score.exp() / all) as f32).to_vec();
        let d: Vec<f32> = values.map(|value| value as f32).to_vec();
        let mut credits = vec![0.0; 5];
        of_query((&p, &d), &kept, 4, &mut credits);
        for key in 0..4 {
            let with = |has: bool| {
                let mut keys = kept;
                keys[key] = has;
                loss(&keys)
            };
            let wanted = with(true) - with(false);
            assert!(
                (credits[key] - wanted).abs() < 1e-5,
                "{key}: {credits:?} {wanted}"
            );
        }
        assert_eq!(credits[4], 0.0);
    }
}
