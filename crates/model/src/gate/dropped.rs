//! Blocks, or parts of blocks, that no token goes through: what pruning by depth leaves of a model (ShortGPT, arXiv 2403.03853;
//! BlockPruner, arXiv 2406.10594).

use super::{Gate, Kept, View};
use crate::{Network, Part};
use serde::{Deserialize, Serialize};

/// A block, or a part of it, that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Removal {
    /// Number of the block.
    pub block: usize,
    /// What of it.
    pub part: Part,
}

/// Leaves parts of blocks out for all tokens, the first and the last included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DroppedParts {
    /// What is left out, in any order.
    pub removed: Vec<Removal>,
}

impl DroppedParts {
    /// The first of these removals, as many as come nearest to a share of the weights of all blocks.
    pub fn of_share(network: &Network, order: &[Removal], share: f64) -> Self {
        let [attention, mlp] = network.part_weights();
        let all = ((attention + mlp) * network.blocks() as u64) as f64;
        let mut sum = 0.0;
        let reached = order.iter().map(|removal| {
            sum += match removal.part {
                Part::Block => attention + mlp,
                Part::Attention => attention,
                Part::Mlp => mlp,
            } as f64;
            (sum / all - share).abs()
        });
        let mut best = (0, share.abs());
        for (index, distance) in reached.enumerate() {
            if distance < best.1 {
                best = (index + 1, distance);
            }
        }
        Self {
            removed: order[..best.0].to_vec(),
        }
    }

    fn drops(&self, block: usize, part: Part) -> bool {
        let mut all = self.removed.iter();
        all.any(|own| own.block == block && (own.part == part || own.part == Part::Block))
    }
}

impl Gate for DroppedParts {
    fn splits_blocks(&self) -> bool {
        true
    }

    fn keeps_ends(&self) -> bool {
        false
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        match self.drops(view.block, view.part) {
            true => Kept::Places(Vec::new()),
            false => Kept::All,
        }
    }
}
