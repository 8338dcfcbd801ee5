//! Code lengths under entropy coding, estimated from the frequencies of the codes.

use super::PANEL_ROWS;
use kerf_kernels::Compute;

/// Number of codes of eight bits.
pub const SYMBOLS: usize = 256;

/// Number of occurrences of each code, indexed by `code as u8`.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts(pub [u64; SYMBOLS]);

impl Counts {
    /// Counts of zero.
    pub fn none() -> Self {
        Self([0; SYMBOLS])
    }

    /// Adds the codes of a slice.
    pub fn add(&mut self, codes: &[i8]) {
        for &code in codes {
            self.0[usize::from(code as u8)] += 1;
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, n)| *sum += n);
    }

    /// Counts the codes of a matrix.
    pub fn of(compute: &Compute, codes: &[i8], cols: usize) -> Self {
        let len = PANEL_ROWS * cols.max(1);
        let parts = compute.pool.map(codes.len().div_ceil(len), |panel| {
            let mut counts = Self::none();
            counts.add(&codes[panel * len..codes.len().min((panel + 1) * len)]);
            counts
        });
        let mut counts = Self::none();
        parts.iter().for_each(|part| counts.merge(part));
        counts
    }

    fn total(&self) -> f64 {
        self.0.iter().sum::<u64>() as f64
    }

    /// Zero-order entropy of a code, in bits.
    pub fn entropy(&self) -> f64 {
        let total = self.total().max(1.0);
        let used = self.0.iter().filter(|count| **count > 0);
        used.map(|&count| {
            let share = count as f64 / total;
            -share * share.log2()
        })
        .sum()
    }

    /// Length of each code in bits. A code that did not occur has the length of one that occurred half a time.
    pub fn lengths(&self) -> [f32; SYMBOLS] {
        let total = self.total() + SYMBOLS as f64 / 2.0;
        self.0
            .map(|count| (total / (count as f64 + 0.5)).log2() as f32)
    }
}

/// Lengths before any code is counted. They are those of a Laplace distribution in which half of the codes are zero.
pub fn first_lengths() -> [f32; SYMBOLS] {
    std::array::from_fn(|symbol| 1.0 + 1.3 * f32::from(symbol as u8 as i8).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up_to_the_entropy() {
        let compute = Compute::new(None, 2).unwrap();
        let codes: Vec<i8> = (0..100_000)
            .map(|i| [0, 0, 0, 0, 1, 1, -1, 2][i % 8])
            .collect();
        let counts = Counts::of(&compute, &codes, 100);
        assert!((counts.entropy() - 1.75).abs() < 1e-9);
        let lengths = counts.lengths();
        let mean = codes
            .iter()
            .map(|&code| f64::from(lengths[usize::from(code as u8)]))
            .sum::<f64>()
            / codes.len() as f64;
        assert!((mean - 1.75).abs() < 0.01);
        assert!(lengths[usize::from(-7i8 as u8)] > 16.0);
    }
}
