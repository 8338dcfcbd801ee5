//! Bytes that a matrix will take in the container, before it is solved: an estimate, since codes are entropy-coded.

use crate::allocate::matrix::Matrix;
use kerf_tensors::{DType, Grid};

/// Bits of a scale after entropy coding, roughly.
const SCALE_BITS: f64 = 4.5;
/// Codes of pruned matrices take so much more than [`code_bits`]: solvers do not remove exactly the smallest weights, and those that
/// stay take over from those that go. 1.95 bits instead of 1.80 on all-MiniLM-L6-v2 at 70 % and 4 bits.
const PRUNED: f64 = 1.08;
/// Offset and states of a chunk, and its weights.
const CHUNK: (f64, f64) = (36.0, 65536.0);
/// Bytes of a matrix beside codes, scales and chunks, and for each symbol that occurs.
const TABLE_BYTES: (f64, f64) = (48.0, 1.2);
/// Bits of the factor of a column.
const FACTOR_BITS: f64 = 5.0;
/// Symbols that occur where the rate is chosen, in all tables together.
const RATED_SYMBOLS: f64 = 80.0;

/// Content bytes of a matrix. On a grid its weights are taken to be normally distributed, of which the smallest are removed; floats
/// are counted exactly.
pub fn content_bytes(matrix: &Matrix, dtype: DType) -> u64 {
    let (rows, cols) = (matrix.rows as f64, matrix.cols as f64);
    let weights = rows * cols;
    let bytes = match matrix.grid.filter(|_| matrix.step.is_none()) {
        None if matrix.step.is_some() => rated_bytes(matrix, matrix.step.unwrap_or_default()),
        Some(grid) => {
            let scales = rows * grid.groups(matrix.cols) as f64 * SCALE_BITS;
            let more = if matrix.sparsity > 0.0 { PRUNED } else { 1.0 };
            let bits = code_bits(grid, grid.group_cols(matrix.cols), matrix.sparsity);
            let codes = weights * bits * more;
            let symbols = f64::from(1u32 << grid.bits);
            (codes + scales) / 8.0 + overhead(weights, symbols)
        }
        None => {
            let mask = rows * (cols / 8.0).ceil() + (rows / 32.0).ceil() * 4.0;
            let pruned = match matrix.sparsity > 0.0 || matrix.keep_mask {
                true => mask,
                false => 0.0,
            };
            weights * (1.0 - matrix.sparsity) * dtype.bits() as f64 / 8.0 + pruned
        }
    };
    bytes.ceil() as u64
}

/// Entropy of a code of a matrix without zeros, as [`content_bytes`] has it.
pub fn dense_code_bits(grid: Grid, cols: usize) -> f64 {
    code_bits(grid, grid.group_cols(cols), 0.0)
}

/// Chunks and tables.
fn overhead(weights: f64, symbols: f64) -> f64 {
    (weights / CHUNK.1).ceil() * CHUNK.0 + TABLE_BYTES.0 + TABLE_BYTES.1 * symbols
}

/// Content bytes of a matrix whose codes are those of a step.
pub fn rated_bytes(matrix: &Matrix, step: f64) -> f64 {
    let (rows, weights) = (matrix.rows as f64, (matrix.rows * matrix.cols) as f64);
    let codes = weights * rated_bits(step);
    let factors = matrix.cols as f64 * FACTOR_BITS;
    (codes + rows * SCALE_BITS + factors) / 8.0 + overhead(weights, RATED_SYMBOLS)
}

/// What of these has nothing to do with the step: chunks and tables.
pub fn fixed_bytes(matrix: &Matrix) -> f64 {
    overhead((matrix.rows * matrix.cols) as f64, RATED_SYMBOLS)
}

/// Entropy of the codes of normally distributed weights at a step (over their root mean square), under the price of
/// solve/rounding_at_rate.rs: zeros reach further than half a step.
fn rated_bits(step: f64) -> f64 {
    const ZERO: f64 = 0.62;
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    let mut below = share(ZERO * step);
    let mut bits = term(below);
    let mut code = 1.0;
    while below < 1.0 - 1e-7 && code < 128.0 {
        let to = share((code + 0.5) * step).max(below);
        bits += 2.0 * term((to - below) / 2.0);
        (below, code) = (to, code + 1.0);
    }
    bits
}

/// Entropy of a code: zeros of what is removed, and normally distributed survivors on the scale that fits a group best.
fn code_bits(grid: Grid, group: usize, sparsity: f64) -> f64 {
    let half = f64::from(1u32 << (grid.bits - 1));
    // The amounts that are expected in a group, from the smallest on; beyond some thousands the tail hardly grows.
    let count = group.clamp(8, 4096);
    let amount = |at: usize| quantile((at as f64 + 0.5) / count as f64);
    let removed = (sparsity * count as f64).round() as usize;
    let kept: Vec<f64> = (removed.min(count - 1)..count).map(amount).collect();
    let largest = kept[kept.len() - 1];
    let error = |step: f64| {
        let of = |amount: &f64| (amount - step * (amount / step).round().min(half - 0.5)).powi(2);
        kept.iter().map(of).sum::<f64>()
    };
    // As in a fit: shares of the step that reaches the largest.
    let steps = (18..=42).map(|share| f64::from(share) / 40.0 * largest / (half - 1.0));
    let step = steps.min_by(|a, b| error(*a).total_cmp(&error(*b)));
    let step = step.expect("25 candidates");
    let threshold = quantile(sparsity);
    // Share of the amounts below x that are kept; both signs together.
    let below = |x: f64| (share(x.max(threshold)) - sparsity).max(0.0);
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    let mut bits = term(sparsity + below(step / 2.0));
    for code in 1..=half as u32 {
        let (from, to) = (
            (f64::from(code) - 0.5) * step,
            (f64::from(code) + 0.5) * step,
        );
        let above = if code == half as u32 {
            1.0 - sparsity
        } else {
            below(to)
        };
        bits += 2.0 * term((above - below(from)) / 2.0);
    }
    bits
}

/// Share of the amounts of a normal distribution that are below x: erf(x / sqrt 2), to 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn share(x: f64) -> f64 {
    let x = x / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let factors = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let polynomial = factors.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    1.0 - polynomial * (-x * x).exp()
}

/// The inverse of [`share`].
fn quantile(of: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        match share(middle) < of {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_codes_are_those_of_the_normal_distribution() {
        assert!((share(1.0) - 0.682_689).abs() < 1e-5);
        assert!((quantile(0.954_499_7) - 2.0).abs() < 1e-4);
        let bits = |bits, sparsity| code_bits(Grid::new(bits, 128), 128, sparsity);
        // The zeros alone take 0.881 bits at 70 %; survivors less than 4 each.
        assert!((1.75..1.9).contains(&bits(4, 0.7)), "{}", bits(4, 0.7));
        assert!((3.3..3.8).contains(&bits(4, 0.0)), "{}", bits(4, 0.0));
        assert!(bits(4, 0.9) < bits(4, 0.8) && bits(3, 0.7) < bits(4, 0.7));
        assert!(bits(8, 0.99) < 0.2);
        // With one more bit the steps are half as wide.
        assert!((bits(8, 0.0) - bits(7, 0.0) - 1.0).abs() < 0.1);
    }
}
