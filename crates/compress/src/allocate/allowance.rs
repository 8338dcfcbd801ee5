//! What a budget leaves to the matrices that it decides about.

use super::matrix::Matrix;
use super::sizes;
use crate::CompressError;
use crate::options::bad_option;
use crate::options::resolve::Budget;
use kerf_tensors::amount;

/// Of the budget: headers are foreseen to within this.
const HEADROOM: f64 = 0.002;

/// A budget, and what counts against it whatever the matrices become that it decides about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub budget: Budget,
    /// Bytes that the budget counts beside those of the matrices that it decides about: of a size none.
    pub other_bytes: f64,
}

impl Allowance {
    /// What the budget allows.
    pub fn bytes(&self, targets: &[Matrix]) -> f64 {
        match self.budget {
            Budget::Bits(bits) => bits * weights(targets.iter()) as f64 / 8.0,
            Budget::Size(bits) => {
                let free = || targets.iter().filter(|matrix| matrix.is_budgeted());
                // A size is as good in a model of small matrices, where what they take whatever their bits are is much.
                let fixed: f64 = free().map(sizes::fixed_bytes).sum();
                bits * weights(free()) as f64 / 8.0 + fixed
            }
            Budget::Bytes(bytes) => bytes as f64,
        }
    }

    /// What the budget allows, a little less for what is only foreseen.
    pub fn cautious_bytes(&self, targets: &[Matrix]) -> f64 {
        self.bytes(targets) * (1.0 - HEADROOM)
    }

    /// The error of a budget below what is possible; `why` follows the least one.
    pub fn too_little(&self, least_bytes: f64, targets: &[Matrix], why: &str) -> CompressError {
        let weights = weights(targets.iter());
        let least_bits = || (least_bytes * 8.0 / weights as f64 * 1000.0).ceil() / 1000.0;
        match self.budget {
            Budget::Bits(bits) => {
                let expected = format!("at least {}, {why}", least_bits());
                bad_option("targetBits", &expected, bits)
            }
            Budget::Size(bits) => {
                let least = least_bits();
                let expected = format!("one of at least {least} bits a weight, {why}");
                bad_option("preset", &expected, format!("one of {bits}"))
            }
            Budget::Bytes(bytes) => {
                let least = least_bytes.ceil() as u64;
                let expected = format!("at least {}, {why}", amount::bytes_at_least(least));
                bad_option("targetBytes", &expected, amount::bytes(bytes))
            }
        }
    }
}

fn weights<'m>(matrices: impl Iterator<Item = &'m Matrix>) -> usize {
    matrices.map(|matrix| matrix.rows * matrix.cols).sum()
}
