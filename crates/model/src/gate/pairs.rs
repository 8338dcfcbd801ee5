//! How many pairs of a token and a block were computed.

use std::ops::{AddAssign, Sub};

/// Pairs of a token and a block, each counted by the weights that the block multiplies the token by: half a block counts for what it
/// costs. Where blocks are skipped whole, the share of pairs is that of plain pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Those that came to a block.
    pub arrived: u64,
    /// Those that went through it.
    pub passed: u64,
}

impl Pairs {
    /// Share of pairs that were skipped; 0 where none came.
    pub fn skipped(self) -> f64 {
        match self.arrived {
            0 => 0.0,
            arrived => 1.0 - self.passed as f64 / arrived as f64,
        }
    }
}

impl AddAssign for Pairs {
    fn add_assign(&mut self, other: Self) {
        self.arrived += other.arrived;
        self.passed += other.passed;
    }
}

/// What came since an earlier count.
impl Sub for Pairs {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            arrived: self.arrived - earlier.arrived,
            passed: self.passed - earlier.passed,
        }
    }
}
