//! The cut: the weights with the lowest scores become zero, of all candidate matrices together.

use super::Ranking;
use kerf_kernels::Compute;
use kerf_kernels::radix::{BUCKETS, SHIFTS, bucket_of_rank, next_prefix};
use kerf_model::MemoryWeights;

/// Weights of one task. It does not depend on the number of threads.
const TILE: usize = 1 << 16;

/// A part of a candidate.
#[derive(Clone, Copy)]
struct Tile {
    tensor: usize,
    first: usize,
    len: usize,
}

impl Tile {
    fn scores(&self, weights: &MemoryWeights, names: &[String], ranking: &dyn Ranking) -> Vec<f32> {
        let values = weights.get(&names[self.tensor]).unwrap_or_default();
        let values = &values[self.first..self.first + self.len];
        let mut scores = vec![0.0; self.len];
        ranking.scores(self.tensor, self.first, values, &mut scores);
        scores
    }
}

/// Sets the floor(sparsity * weights) weights of lowest score to zero, exactly so many; of equal scores the first. Weights that are on the
/// shelf of the ranking and score higher come back. Cost: four passes over the scores.
pub fn cut(
    compute: &Compute,
    weights: &mut MemoryWeights,
    names: &[String],
    ranking: &mut dyn Ranking,
    sparsity: f64,
) {
    let mut tiles: Vec<Tile> = Vec::new();
    let mut all = 0;
    for (tensor, name) in names.iter().enumerate() {
        let len = weights.get(name).map_or(0, <[f32]>::len);
        let firsts = (0..len).step_by(TILE);
        tiles.extend(firsts.map(|first| Tile {
            tensor,
            first,
            len: TILE.min(len - first),
        }));
        all += len;
    }
    let remove = (all as f64 * sparsity).floor() as usize;
    if remove == 0 {
        return;
    }
    let (mut prefix, mut rank) = (0, remove);
    for shift in SHIFTS {
        let (weights, ranking) = (&*weights, &*ranking);
        let hists = compute.pool.map(tiles.len(), |at| {
            let scores = tiles[at].scores(weights, names, ranking);
            let mut hist = vec![0u32; BUCKETS];
            compute.kernels.histogram(&scores, shift, prefix, &mut hist);
            hist
        });
        let total = |bucket: usize| hists.iter().map(|hist| hist[bucket] as usize).sum();
        let (bucket, left) = bucket_of_rank((0..BUCKETS).map(total), rank);
        rank = left;
        prefix = next_prefix(prefix, shift, bucket);
    }
    // What is left of the rank are the equal scores that go too, in order.
    let (held, ranked) = (&*weights, &*ranking);
    let ties = compute.pool.map(tiles.len(), |at| {
        let scores = tiles[at].scores(held, names, ranked);
        scores
            .iter()
            .filter(|score| score.to_bits() == prefix)
            .count()
    });
    let mut left = rank;
    for (tile, ties) in tiles.iter().zip(ties) {
        let scores = tile.scores(weights, names, &*ranking);
        let going = left.min(ties);
        left -= going;
        let Some(values) = weights.get_mut(&names[tile.tensor]) else {
            continue;
        };
        let range = tile.first..tile.first + tile.len;
        let mut shelf = ranking
            .shelf(tile.tensor)
            .map(|shelf| &mut shelf[range.clone()]);
        let mut equal = going;
        for (at, (value, score)) in values[range].iter_mut().zip(&scores).enumerate() {
            let goes = match score.to_bits().cmp(&prefix) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal if equal > 0 => {
                    equal -= 1;
                    true
                }
                _ => false,
            };
            let place = shelf.as_mut().map(|shelf| &mut shelf[at]);
            move_weight(value, goes, place);
        }
    }
}

/// Removes a weight, or brings it back from its place on the shelf.
fn move_weight(value: &mut f32, goes: bool, place: Option<&mut f32>) {
    match (goes, place) {
        (true, Some(place)) if *value != 0.0 => *place = std::mem::take(value),
        (true, _) => *value = 0.0,
        (false, Some(place)) if *value == 0.0 => *value = std::mem::take(place),
        (false, _) => {}
    }
}
