//! Biases of attention scores by the distance of two tokens: the table of buckets, unfolded to one value for each distance.

use crate::block::read;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;

/// One bias for each head and distance.
#[derive(Clone, Debug)]
pub(crate) struct DistanceTable {
    /// Distances from here on have the value of this one.
    far: usize,
    /// [heads, 2 * far + 1]: keys `far` before the query first.
    values: Vec<f32>,
}

impl DistanceTable {
    /// `None` if the architecture has none.
    pub fn load(
        network: &Network,
        compute: &Compute,
        weights: &dyn WeightSource,
    ) -> Result<Option<Self>, ModelError> {
        let (Some(bias), Some(name)) = (
            network.arch.attention.distance_bias,
            network.distance_bias(),
        ) else {
            return Ok(None);
        };
        let (heads, buckets) = (network.settings.heads, network.settings.buckets);
        let table = read(compute, weights, &name, (buckets, heads))?;
        let far = bias.max_distance;
        let distances = -(far as i64)..=far as i64;
        let values = (0..heads).flat_map(|head| {
            let table = &table;
            distances
                .clone()
                .map(move |distance| table[bucket(distance, buckets, far) * heads + head])
        });
        Ok(Some(Self {
            far,
            values: values.collect(),
        }))
    }

    /// Distances that have a value of their own, for each head.
    #[cfg(feature = "train")]
    pub fn width(&self) -> usize {
        2 * self.far + 1
    }

    /// Backward of [`DistanceTable::add`] for one head: adds the gradient of each score to that of its distance.
    #[cfg(feature = "train")]
    pub fn add_grad(&self, position: usize, keys: &[usize], scores: &[f32], out: &mut [f32]) {
        for (key, score) in keys.iter().zip(scores) {
            let ahead = (key + self.far).saturating_sub(position);
            out[ahead.min(2 * self.far)] += score;
        }
    }

    /// Backward of [`DistanceTable::load`]: adds gradients [heads, width] of distances to those of the buckets [buckets, heads].
    #[cfg(feature = "train")]
    pub fn fold(&self, distances: &[f32], buckets: &mut [f32]) {
        let heads = distances.len() / self.width();
        let count = buckets.len() / heads;
        for (head, row) in distances.chunks_exact(self.width()).enumerate() {
            for (ahead, grad) in row.iter().enumerate() {
                let distance = ahead as i64 - self.far as i64;
                buckets[bucket(distance, count, self.far) * heads + head] += grad;
            }
        }
    }

    /// Adds to the scores of one query at `position`; `keys` are the positions of the keys, one for each score.
    pub fn add(&self, head: usize, position: usize, keys: &[usize], scores: &mut [f32]) {
        let row = &self.values[head * (2 * self.far + 1)..][..2 * self.far + 1];
        for (key, score) in keys.iter().zip(scores) {
            let ahead = (key + self.far).saturating_sub(position);
            let ahead = ahead.min(2 * self.far);
            *score += row[ahead];
        }
    }
}

/// Bucket of a key that stands `distance` after its query. Logarithms are taken in f32, as the models were trained.
fn bucket(distance: i64, buckets: usize, far: usize) -> usize {
    let half = buckets / 2;
    let side = if distance > 0 { half } else { 0 };
    let (near, distance) = (half / 2, distance.unsigned_abs() as usize);
    if distance < near {
        return side + distance;
    }
    if near == 0 {
        return side;
    }
    let ratio = libm::logf(distance as f32 / near as f32)
        / libm::log(far as f64 / near as f64) as f32
        * (half - near) as f32;
    side + (near + ratio as usize).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn buckets_are_those_of_mpnet() {
        // MPNetEncoder.relative_position_bucket(memory - context) of transformers, 32 buckets, 128.
        let expected = [
            (-300, 15),
            (-128, 15),
            (-90, 14),
            (-89, 14),
            (-64, 14),
            (-20, 10),
            (-9, 8),
            (-8, 8),
            (-7, 7),
            (-1, 1),
            (0, 0),
            (1, 17),
            (7, 23),
            (8, 24),
            (12, 25),
            (16, 26),
            (45, 28),
            (46, 29),
            (127, 31),
            (300, 31),
        ];
        for (distance, number) in expected {
            assert_eq!(bucket(distance, 32, 128), number, "{distance}");
        }
    }
}
