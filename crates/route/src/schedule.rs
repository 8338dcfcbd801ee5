//! How much each block skips.

use crate::RouteError;
use kerf_model::Network;
use kerf_model::gate::{Removal, Share, Shares};
use serde::{Deserialize, Serialize};

/// Levels of sparsity: a block of level l skips l / LEVELS of its tokens. All levels but LEVELS itself are allowed, so that some tokens
/// always stay.
pub const LEVELS: usize = 20;

/// The level of each block.
pub type Levels = Vec<u8>;

/// The share of tokens that each block skips, and the model that this is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Architecture of the model.
    pub architecture: String,
    /// Width of its residual stream.
    pub hidden: usize,
    /// Share of the tokens that each block skips, from 0 to 1.
    pub sparsity: Vec<f64>,
}

impl Schedule {
    /// For a network, from the level of each of its blocks.
    pub fn of_levels(network: &Network, levels: &[u8]) -> Self {
        let share = |level: &u8| f64::from(*level) / LEVELS as f64;
        Self {
            architecture: network.architecture().to_owned(),
            hidden: network.hidden(),
            sparsity: levels.iter().map(share).collect(),
        }
    }

    /// The same sparsity in each block of a network, to the number.
    pub fn uniform(network: &Network, sparsity: f64) -> Self {
        let mut schedule = Self::of_levels(network, &vec![0; network.blocks()]);
        schedule.sparsity.fill(sparsity);
        schedule
    }

    /// Mean over the blocks.
    pub fn mean(&self) -> f64 {
        self.sparsity.iter().sum::<f64>() / self.sparsity.len().max(1) as f64
    }

    /// What a gate is made with. `WRONG_MODEL` for a network with other blocks, or for shares that are none.
    pub fn shares(&self, network: &Network) -> Result<Shares, RouteError> {
        let wrong = || RouteError::WrongModel {
            expected: named(&self.architecture, self.hidden, self.sparsity.len()),
            actual: named(network.architecture(), network.hidden(), network.blocks()),
        };
        let fits = self.architecture == network.architecture()
            && self.hidden == network.hidden()
            && self.sparsity.len() == network.blocks();
        if !fits {
            return Err(wrong());
        }
        let shares = self.sparsity.iter().map(|own| Share::new(1.0 - own));
        let shares: Option<Vec<Share>> = shares.collect();
        Ok(Shares(shares.ok_or_else(wrong)?))
    }
}

/// A model in an error.
pub(crate) fn named(architecture: &str, hidden: usize, blocks: usize) -> String {
    format!("{architecture} of {blocks} blocks, {hidden} wide")
}

/// Levels whose sum comes nearest to a mean sparsity, as even as can be in all blocks but `dense` at each end, which skip nothing while
/// the others have room. A sum that cannot be shared evenly gives the later blocks one level more.
pub(crate) fn even_levels(blocks: usize, sparsity: f64, dense: usize) -> Levels {
    let total = (sparsity * (blocks * LEVELS) as f64).round() as usize;
    let most = LEVELS - 1;
    let mut levels = vec![0u8; blocks];
    let mut left = total.min(blocks * most);
    let inner: Vec<usize> = (dense..blocks.saturating_sub(dense)).collect();
    let outer = (0..blocks).filter(|block| !inner.contains(block)).collect();
    for group in [inner.clone(), outer] {
        let own = left.min(group.len() * most);
        for (index, block) in group.iter().enumerate() {
            // Differences of a rising line: they add up to all of it.
            let upto = |count: usize| own * count / group.len();
            levels[*block] = (upto(index + 1) - upto(index)) as u8;
        }
        left -= own;
    }
    levels
}

/// Levels whose sum comes nearest to a mean sparsity, as high as can be in the first blocks of an order.
pub(crate) fn greedy_levels(order: &[Removal], sparsity: f64) -> Levels {
    let mut left = (sparsity * (order.len() * LEVELS) as f64).round() as usize;
    let mut levels = vec![0u8; order.len()];
    for removal in order {
        let own = left.min(LEVELS - 1);
        levels[removal.block] = own as u8;
        left -= own;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_meet_the_sum_and_spare_the_ends() {
        for blocks in [1, 2, 5, 6, 30] {
            for sparsity in [0.0, 0.2, 0.3, 0.4, 0.95, 1.0] {
                for dense in [0, 1, 3] {
                    let levels = even_levels(blocks, sparsity, dense);
                    let sum: usize = levels.iter().map(|level| usize::from(*level)).sum();
                    let wanted = (sparsity * (blocks * LEVELS) as f64).round() as usize;
                    assert_eq!(sum, wanted.min(blocks * 19), "{blocks} {sparsity} {dense}");
                    assert!(levels.iter().all(|level| *level < 20));
                }
            }
        }
        let order = [2, 0, 3, 1].map(|block| Removal {
            block,
            part: kerf_model::Part::Block,
        });
        assert_eq!(greedy_levels(&order, 0.3), [5, 0, 19, 0]);
        assert_eq!(even_levels(6, 0.3, 1), [0, 9, 9, 9, 9, 0]);
        assert_eq!(even_levels(4, 0.3, 0), [6; 4]);
        assert_eq!(even_levels(4, 0.6, 1), [5, 19, 19, 5]);
    }
}
