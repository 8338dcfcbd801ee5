//! Scores of weights, and the pieces of an exact selection by radix.

use crate::reference;
use crate::reference::scores::Digit;
use crate::simd::{self, Simd};

/// The plain form is [`crate::reference::scores::magnitude_scores`]. There is no departure: a compiler turns the loop into vectors.
#[inline(always)]
pub(crate) fn magnitude_scores<S: Simd>(_: S, w: &[f32], out: &mut [f32]) {
    for (out, w) in out.iter_mut().zip(w) {
        *out = w.abs();
    }
}

/// The plain form is [`crate::reference::scores::wanda_scores`]. There is no departure.
#[inline(always)]
pub(crate) fn wanda_scores<S: Simd>(_: S, w: &[f32], norm: &[f32], out: &mut [f32]) {
    for ((out, w), norm) in out.iter_mut().zip(w).zip(norm) {
        *out = w.abs() * norm;
    }
}

/// The plain form is [`crate::reference::scores::obs_scores`]. There is no departure.
#[inline(always)]
pub(crate) fn obs_scores<S: Simd>(_: S, w: &[f32], inv_u: &[f32], out: &mut [f32]) {
    for ((out, w), inv_u) in out.iter_mut().zip(w).zip(inv_u) {
        let t = w * inv_u;
        *out = t * t;
    }
}

/// Copies of the counters, so that equal digits in a row do not wait for each other's store.
const COPIES: usize = 4;
/// Below this many scores the copies cost more than they save.
const WORTH_COPIES: usize = 1 << 13;

/// The plain form is [`crate::reference::scores::histogram`]: each score that has the prefix adds one to its counter.
///
/// Departures:
///
/// 1. Below [`WORTH_COPIES`] scores there is none.
/// 2. In the first pass nearly every score counts, and many have the same digit. An addition would wait for the one before it
///    to the same counter. So four copies of the counters take turns ([`count_all`]).
/// 3. In later passes few scores have the prefix. So 32 scores are tested without a branch, and only those whose bit is set
///    are visited ([`count_matching`]).
#[inline(always)]
pub(crate) fn histogram<S: Simd>(_: S, scores: &[f32], shift: u32, prefix: u32, hist: &mut [u32]) {
    let digit = Digit::new(shift, prefix);
    if scores.len() < WORTH_COPIES {
        return reference::scores::histogram(scores, shift, prefix, hist);
    }
    if digit.has_prefix_of_sign_only() {
        count_all(scores, digit, hist);
    } else {
        count_matching(scores, digit, hist);
    }
}

/// The first pass: nearly every score counts, so all do, in several copies of the counters.
#[inline(always)]
fn count_all(scores: &[f32], digit: Digit, hist: &mut [u32]) {
    let n = digit.counters();
    let mut copies = vec![0u32; COPIES * n];
    let (first, rest) = copies.split_at_mut(n);
    let (second, rest) = rest.split_at_mut(n);
    let (third, fourth) = rest.split_at_mut(n);
    let (fours, tail) = scores.as_chunks::<COPIES>();
    let count = |counters: &mut [u32], score: f32| {
        if let Some(index) = digit.of(score) {
            counters[index] += 1;
        }
    };
    for four in fours {
        count(first, four[0]);
        count(second, four[1]);
        count(third, four[2]);
        count(fourth, four[3]);
    }
    tail.iter().for_each(|score| count(first, *score));
    for copy in copies.chunks_exact(n) {
        for (sum, part) in hist.iter_mut().zip(copy) {
            *sum += part;
        }
    }
}

/// Later passes: few scores have the prefix, so blocks are tested as a whole.
#[inline(always)]
fn count_matching(scores: &[f32], digit: Digit, hist: &mut [u32]) {
    let (blocks, tail) = scores.as_chunks::<32>();
    for block in blocks {
        let mut matches = block.iter().enumerate().fold(0u32, |bits, (i, score)| {
            bits | u32::from(digit.matches(*score)) << i
        });
        while matches != 0 {
            let score = block[matches.trailing_zeros() as usize];
            hist[digit.index(score)] += 1;
            matches &= matches - 1;
        }
    }
    for score in tail {
        if digit.matches(*score) {
            hist[digit.index(*score)] += 1;
        }
    }
}

/// Scores that one word of the bitmap holds.
const WORD: usize = 64;

/// The plain form is [`crate::reference::scores::mask_above`]: eight comparisons make a byte.
///
/// Departures:
///
/// 1. A vector is compared at once, and 64 bits are written together.
/// 2. The last scores, fewer than 64, are the plain form.
#[inline(always)]
pub(crate) fn mask_above<S: Simd>(simd: S, scores: &[f32], threshold: f32, out: &mut [u8]) {
    let limit = simd.splat(threshold);
    let (blocks, tail) = scores.as_chunks::<WORD>();
    let (words, bytes) = out.split_at_mut(blocks.len() * 8);
    for (word, block) in words.as_chunks_mut::<8>().0.iter_mut().zip(blocks) {
        let mut bits = 0u64;
        for (i, lanes) in block.chunks_exact(S::LANES).enumerate() {
            let above = simd.gt_bits(simd::load(simd, lanes), limit);
            bits |= u64::from(above) << (i * S::LANES);
        }
        *word = bits.to_le_bytes();
    }
    reference::scores::mask_above(tail, threshold, bytes);
}
