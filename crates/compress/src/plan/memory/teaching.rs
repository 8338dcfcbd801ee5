//! What is in memory while survivors are taught.

use crate::calibration::{LESSON_TOKENS, held_tokens};
use crate::costs::footprint::Footprint;
use crate::options::recover::By;

/// Bytes of a weight that learns: the float, its gradient, two moments, and the codes of the state now and of the best.
const OF_A_WEIGHT: u64 = 4 + 4 + 8 + 2;
/// A weight of a loaded block, and of the copy that it is made from.
const LOADED: u64 = 8;

impl Footprint<'_> {
    /// While a block is taught, or the whole model. `keep`: bytes of what blocks computed on the way forward.
    pub(super) fn teaching(&self, keep: u64) -> u64 {
        match self.task.recovery.map(|recovery| recovery.by) {
            None => 0,
            Some(By::Block) => {
                let tokens = LESSON_TOKENS.max(self.window);
                OF_A_WEIGHT * self.largest_block() as u64 + self.lesson(tokens)
            }
            Some(By::Whole | By::Auto) => {
                let weights = self.task.targets.iter().map(|m| (m.rows * m.cols) as u64);
                let inputs = LESSON_TOKENS * (self.network.blocks() + 4) * self.network.hidden();
                let head = self.network.vocab() * self.network.hidden();
                let head = self.network.head().map_or(0, |_| 2 * 4 * head as u64);
                // Twice a lesson: a step keeps its memory for the next, and the dense model runs between two steps. With one, MiniLM took
                // 605 MB where 523 were planned.
                OF_A_WEIGHT * weights.sum::<u64>()
                    + 2 * self.lesson(LESSON_TOKENS)
                    + 4 * inputs as u64
                    + head
                    + self.head(LESSON_TOKENS.max(held_tokens(self.tokens)))
                    + keep
            }
        }
    }

    /// A loaded block, and the tokens of a lesson on their way through it and back.
    fn lesson(&self, tokens: usize) -> u64 {
        let values = tokens * self.network.learning_per_token();
        LOADED * self.largest_block() as u64 + 4 * values as u64
    }

    /// What all blocks compute on the way forward of a lesson: with it in memory a lesson takes a quarter less.
    pub(super) fn all_saved(&self) -> u64 {
        let of_block = LESSON_TOKENS * self.network.saved_values();
        match self.task.recovery.map(|recovery| recovery.by) {
            Some(By::Whole) => 4 * (of_block * self.network.blocks()) as u64,
            _ => 0,
        }
    }
}
