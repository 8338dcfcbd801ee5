//! What a step learns from, and in which order steps go through it.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The order of `count` lessons in a pass: drawn anew for each pass, by the seed alone.
pub(crate) fn order(count: usize, seed: u64, pass: u64) -> Vec<usize> {
    let mut rng =
        Xoshiro256PlusPlus::seed_from_u64(seed ^ pass.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        let other = (u128::from(rng.next_u64()) * (at as u128 + 1)) >> 64;
        order.swap(at, other as usize);
    }
    order
}

/// Lessons to learn from, and those to watch: from the end, about an eighth of them. A single lesson is both.
pub(crate) fn split(count: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    if count < 2 {
        return (0..count, 0..count);
    }
    let held = (count / 8).max(1);
    (0..count - held, count - held..count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_has_all_lessons_in_an_order_of_its_own() {
        let first = order(50, 7, 0);
        assert_ne!(first, order(50, 7, 1));
        assert_ne!(first, order(50, 8, 0));
        assert_eq!(first, order(50, 7, 0));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn held_lessons_are_not_learned() {
        assert_eq!(split(0), (0..0, 0..0));
        assert_eq!(split(1), (0..1, 0..1));
        assert_eq!(split(2), (0..1, 1..2));
        assert_eq!(split(16), (0..14, 14..16));
    }
}
