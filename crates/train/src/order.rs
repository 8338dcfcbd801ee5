//! In which order examples are learned from.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A seeded order of examples: each epoch has all of them once, in an order of its own.
#[derive(Clone, Debug)]
pub struct Order {
    examples: usize,
    seed: u64,
    /// The epoch whose order is at hand.
    epoch: Option<u64>,
    order: Vec<usize>,
}

impl Order {
    /// Of so many examples, which are at least one.
    pub fn new(examples: usize, seed: u64) -> Self {
        Self {
            examples,
            seed,
            epoch: None,
            order: Vec::new(),
        }
    }

    /// The examples of a batch, where an epoch has `ceil(examples / size)` batches and `batch` counts through all epochs. The last batch
    /// of an epoch may be smaller.
    pub fn batch(&mut self, batch: u64, size: usize) -> &[usize] {
        let in_epoch = self.examples.div_ceil(size) as u64;
        let (epoch, at) = (batch / in_epoch, (batch % in_epoch) as usize);
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            self.order = shuffled(self.examples, self.of_epoch(epoch));
        }
        let end = ((at + 1) * size).min(self.examples);
        &self.order[at * size..end]
    }

    /// The seed of an epoch. Neighbouring seeds have no epoch in common.
    fn of_epoch(&self, epoch: u64) -> u64 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        rng.next_u64().wrapping_add(epoch)
    }
}

/// The numbers below `count` in an order that the seed decides.
pub fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // The bias of a remainder of 64 bits is far below what could be seen.
        let other = (rng.next_u64() % (last as u64 + 1)) as usize;
        order.swap(last, other);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_has_each_example_once_in_another_order() {
        let mut order = Order::new(23, 5);
        let mut epochs = Vec::new();
        for epoch in 0..3 {
            let mut own = Vec::new();
            for batch in 0..6 {
                own.extend_from_slice(order.batch(6 * epoch + batch, 4));
            }
            let mut sorted = own.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..23).collect::<Vec<_>>());
            epochs.push(own);
        }
        assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
        let mut neighbour = Order::new(23, 6);
        assert_ne!(neighbour.batch(0, 23), epochs[1]);
        // Another instance that begins in the middle agrees.
        let mut resumed = Order::new(23, 5);
        assert_eq!(resumed.batch(13, 4), &epochs[2][4..8]);
    }
}
