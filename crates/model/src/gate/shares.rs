//! Which share of the tokens goes through each block.

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Everything.
    pub const ALL: Self = Self(1.0);

    /// `None` for a number below 0 or above 1, and for NaN.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// This share of a whole number, rounded to the nearest.
    pub fn of(self, count: usize) -> usize {
        (self.0 * count as f64).round() as usize
    }
}

/// The share of each block. A block that is not in the list keeps all tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares(pub Vec<Share>);

impl Shares {
    /// The same share for so many blocks.
    pub fn uniform(share: Share, blocks: usize) -> Self {
        Self(vec![share; blocks])
    }

    /// Mean share of so many blocks.
    pub fn mean(&self, blocks: usize) -> f64 {
        let all = (0..blocks).map(|block| self.of_block(block).get());
        all.sum::<f64>() / blocks.max(1) as f64
    }

    /// The share of one block.
    pub fn of_block(&self, block: usize) -> Share {
        self.0.get(block).copied().unwrap_or(Share::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_0_to_1_are_shares() {
        for number in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::new(number), None);
        }
        assert_eq!(Share::new(0.25).unwrap().of(10), 3);
        let shares = Shares(vec![Share::new(0.0).unwrap()]);
        assert_eq!(shares.of_block(0).of(7), 0);
        assert_eq!(shares.of_block(1), Share::ALL);
    }
}
