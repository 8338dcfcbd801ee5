//! A fine histogram of scores on a log scale: eight buckets an octave, over everything that an f32 can be.

use kerf_kernels::Kernels;

/// Bits of a score below those that choose its bucket: sign, exponent and three bits of the fraction choose.
const SHIFT: u32 = 20;
const BUCKETS: usize = 1 << (31 - SHIFT);

/// Counts of scores that are not negative; fewer than 2^32 in a bucket.
pub(super) struct Histogram(Vec<u32>);

impl Histogram {
    pub fn new() -> Self {
        Self(vec![0; BUCKETS])
    }

    /// Counts some scores.
    pub fn add(&mut self, kernels: &Kernels, scores: &[f32]) {
        kernels.histogram(scores, SHIFT, 0, &mut self.0);
    }

    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += count;
        }
    }

    /// (count, middle of the bucket) of the buckets that are not empty, lowest first. Zeros count as zero.
    pub fn groups(&self) -> impl Iterator<Item = (u64, f64)> + Clone {
        let middle = |bucket: usize| {
            let edge = |bucket: usize| f64::from(f32::from_bits((bucket as u32) << SHIFT));
            match bucket {
                0 => 0.0,
                _ => 0.5 * (edge(bucket) + edge(bucket + 1)),
            }
        };
        let counts = self.0.iter().enumerate();
        let some = counts.filter(|(_, count)| **count > 0);
        some.map(move |(bucket, count)| (u64::from(*count), middle(bucket)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::LossCurve;
    use crate::solve::statistics::tests::random;

    #[test]
    fn a_curve_from_buckets_is_within_a_percent_of_the_sorted_one() {
        let kernels = Kernels::detect();
        // Squares of products spread over many octaves.
        let scores: Vec<f32> = random(20_000, 5)
            .iter()
            .zip(random(20_000, 6))
            .map(|(a, b)| (a * b * b).powi(2))
            .collect();
        let mut histogram = Histogram::new();
        for part in scores.chunks(7_777) {
            let mut piece = Histogram::new();
            piece.add(&kernels, part);
            histogram.merge(&piece);
        }
        let mut sorted = scores.clone();
        sorted.sort_by(f32::total_cmp);
        let exact = LossCurve::of_groups(sorted.iter().map(|score| (1, f64::from(*score))));
        let rough = LossCurve::of_groups(histogram.groups());
        for share in [0.3, 0.5, 0.7, 0.8, 0.95, 1.0] {
            let ratio = rough.at(share) / exact.at(share);
            assert!((ratio - 1.0).abs() < 0.01, "{share} {ratio}");
        }
    }
}
