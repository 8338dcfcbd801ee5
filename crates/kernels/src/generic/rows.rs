//! Kernels that reduce a row.
//!
//! The plain forms sum in f64. Here long sums are taken in blocks of f32, in several vectors at a time, and the blocks are
//! added in f64: an f64 vector has half the lanes, and a lane adds only a few dozen numbers of a block.

use super::math::exp;
use crate::reference::math::ln;
use crate::simd::{self, MAX_LANES, Simd};

/// Elements of a block; each is summed in several vectors, so that one lane adds a few dozen numbers only.
const BLOCK: usize = 2048;
/// Vectors that sum at the same time, to hide the latency of an addition.
const SUMS: usize = 4;

/// A term of a sum over one or two slices.
pub(super) trait Term: Copy {
    /// `sum + term(a, b)`
    fn add_to<S: Simd>(self, simd: S, sum: S::F, a: S::F, b: S::F) -> S::F;
}

/// a b
#[derive(Clone, Copy)]
struct Product;

impl Term for Product {
    #[inline(always)]
    fn add_to<S: Simd>(self, simd: S, sum: S::F, a: S::F, b: S::F) -> S::F {
        simd.mul_add(a, b, sum)
    }
}

/// a
#[derive(Clone, Copy)]
pub(super) struct First;

impl Term for First {
    #[inline(always)]
    fn add_to<S: Simd>(self, simd: S, sum: S::F, a: S::F, _: S::F) -> S::F {
        simd.add(sum, a)
    }
}

/// Sum of `term` over two slices of one length; a missing lane counts as 0.
#[inline(always)]
pub(super) fn sum_of<S: Simd>(simd: S, a: &[f32], b: &[f32], term: impl Term) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        total += f64::from(sum_block(simd, a, b, term));
    }
    total
}

#[inline(always)]
fn sum_block<S: Simd>(simd: S, a: &[f32], b: &[f32], term: impl Term) -> f32 {
    let mut sums = [simd.splat(0.0); SUMS];
    let mut many_a = a.chunks_exact(SUMS * S::LANES);
    let mut many_b = b.chunks_exact(SUMS * S::LANES);
    for (a, b) in many_a.by_ref().zip(many_b.by_ref()) {
        for (i, sum) in sums.iter_mut().enumerate() {
            let (a, b) = (&a[i * S::LANES..], &b[i * S::LANES..]);
            *sum = term.add_to(simd, *sum, simd::load(simd, a), simd::load(simd, b));
        }
    }
    let (rest_a, rest_b) = (many_a.remainder(), many_b.remainder());
    for (a, b) in rest_a.chunks(S::LANES).zip(rest_b.chunks(S::LANES)) {
        let (a, b) = match a.len() == S::LANES {
            true => (simd::load(simd, a), simd::load(simd, b)),
            false => (simd::load_part(simd, a, 0.0), simd::load_part(simd, b, 0.0)),
        };
        sums[0] = term.add_to(simd, sums[0], a, b);
    }
    simd.sum(simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])))
}

/// The plain form is [`crate::reference::rows::dot`]: one running sum in f64.
///
/// Departure: blocks of f32 sums ([`sum_of`]), as the head of this file says.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    sum_of(simd, &a[..n], &b[..n], Product) as f32
}

/// Largest value, `-inf` for an empty row.
#[inline(always)]
fn largest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let lowest = simd.splat(f32::NEG_INFINITY);
    let mut max = [lowest; SUMS];
    let mut many = row.chunks_exact(SUMS * S::LANES);
    for lanes in &mut many {
        for (i, max) in max.iter_mut().enumerate() {
            *max = simd.max(simd::load(simd, &lanes[i * S::LANES..]), *max);
        }
    }
    let pairs = (simd.max(max[0], max[1]), simd.max(max[2], max[3]));
    let mut lanes = [f32::NEG_INFINITY; MAX_LANES];
    simd::store(simd, simd.max(pairs.0, pairs.1), &mut lanes);
    let all = lanes.iter().chain(many.remainder());
    all.fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}

/// The plain form is [`crate::reference::rows::softmax`]: the largest, then exponentials and their sum, then a product with its reciprocal.
///
/// Departures:
///
/// 1. The largest is kept lane by lane, in several vectors.
/// 2. Exponentials are computed on vectors, and summed a block at a time while the block is in cache.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(simd: S, row: &mut [f32]) {
    let max = largest(simd, row);
    if max == f32::NEG_INFINITY {
        return row.fill(0.0);
    }
    let mut sum = 0.0;
    for block in row.chunks_mut(BLOCK) {
        let shift = simd.splat(max);
        let mut whole = block.chunks_exact_mut(S::LANES);
        for lanes in &mut whole {
            let e = exp(simd, simd.sub(simd::load(simd, lanes), shift));
            simd::store(simd, e, lanes);
        }
        let rest = whole.into_remainder();
        if !rest.is_empty() {
            let e = exp(simd, simd.sub(simd::load_part(simd, rest, 0.0), shift));
            simd::store_part(simd, e, rest);
        }
        sum += f64::from(sum_block(simd, block, block, First));
    }
    let inverse = (1.0 / sum) as f32;
    row.iter_mut().for_each(|x| *x *= inverse);
}

/// The plain form is [`crate::reference::rows::log_sum_exp`]: the largest, then the sum of the exponentials, then its logarithm.
///
/// The departures are those of [`softmax`]; the exponentials are summed from registers, since nobody wants them.
#[inline(always)]
pub(crate) fn log_sum_exp<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let max = largest(simd, row);
    if max == f32::NEG_INFINITY {
        return max;
    }
    let shift = simd.splat(max);
    let mut total = 0.0;
    for block in row.chunks(BLOCK) {
        let mut sums = [simd.splat(0.0); 2];
        for (i, lanes) in block.chunks(S::LANES).enumerate() {
            // A missing lane is e^-inf, which is 0.
            let x = match lanes.len() == S::LANES {
                true => simd::load(simd, lanes),
                false => simd::load_part(simd, lanes, f32::NEG_INFINITY),
            };
            sums[i % 2] = simd.add(sums[i % 2], exp(simd, simd.sub(x, shift)));
        }
        total += f64::from(simd.sum(simd.add(sums[0], sums[1])));
    }
    (f64::from(max) + ln(total)) as f32
}

/// The plain form is [`crate::reference::rows::layer_norm`]: mean and variance in f64, one pass each.
///
/// Departures:
///
/// 1. The first mean is a sum of f32 blocks, and so only near the mean. `out` holds the distances to it.
/// 2. The mean of these distances is what the first mean missed. It is small, so f32 holds it well, and it mends mean and
///    variance.
/// 3. With and without a bias are two loops, so that neither has a branch.
#[inline(always)]
pub(crate) fn layer_norm<S: Simd>(
    simd: S,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    eps: f32,
    out: &mut [f32],
) {
    let n = x.len();
    let out = &mut out[..n];
    let guess = (sum_of(simd, x, x, First) / n as f64) as f32;
    for (out, x) in out.iter_mut().zip(x) {
        *out = x - guess;
    }
    // What the first mean missed (its rounding, the sum's error) is the mean of what is left.
    let left = sum_of(simd, out, out, First) / n as f64;
    let var = sum_of(simd, out, out, Product) / n as f64 - left * left;
    let scale = (1.0 / (var + f64::from(eps)).sqrt()) as f32;
    let left = left as f32;
    match bias {
        Some(bias) => {
            for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
                *out = (*out - left) * scale * weight + bias;
            }
        }
        None => {
            for (out, weight) in out.iter_mut().zip(weight) {
                *out = (*out - left) * scale * weight;
            }
        }
    }
}

/// The plain form is [`crate::reference::rows::rms_norm`]: the mean of the squares in f64.
///
/// Departure: blocks of f32 sums ([`sum_of`]).
#[inline(always)]
pub(crate) fn rms_norm<S: Simd>(simd: S, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let mean = sum_of(simd, x, x, Product) / x.len() as f64;
    let scale = (1.0 / (mean + f64::from(eps)).sqrt()) as f32;
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}
