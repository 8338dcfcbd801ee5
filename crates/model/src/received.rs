//! Attention that keys receive: what a tile of queries gives, added up in a fixed order.

/// Where somebody looks: attention that each key receives, its probabilities summed over all heads and queries. One value for
/// each token of the batch, or of the cache.
pub(crate) type Received<'a> = Option<&'a mut Vec<f64>>;

/// What the keys of one tile receive of its queries.
#[derive(Default)]
pub(crate) struct TileSums {
    /// Place in the whole result of the first key that a query of the tile sees.
    pub first: usize,
    /// One for each key from there on.
    pub sums: Vec<f64>,
}

impl TileSums {
    /// Adds the probabilities of one head, [rows, stride]: row by row.
    pub fn add(&mut self, probabilities: &[f32], stride: usize) {
        for row in probabilities.chunks_exact(stride) {
            for (sum, probability) in self.sums.iter_mut().zip(row) {
                *sum += f64::from(*probability);
            }
        }
    }
}

/// Makes `received` the sums of all tiles, added in their order, for so many keys.
pub(crate) fn add_up<'t>(
    tiles: impl Iterator<Item = &'t TileSums>,
    keys: usize,
    received: &mut Vec<f64>,
) {
    received.clear();
    received.resize(keys, 0.0);
    for tile in tiles {
        for (sum, own) in received[tile.first..].iter_mut().zip(&tile.sums) {
            *sum += own;
        }
    }
}
