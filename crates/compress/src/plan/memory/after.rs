//! What is in memory while the result is measured, when everything is solved.

use crate::calibration::held_tokens;
use crate::costs::footprint::Footprint;

impl Footprint<'_> {
    /// A block of a model, read while the one before is not yet gone; tokens on their way through it; last hidden states of both models,
    /// and a piece of the head.
    pub(super) fn measuring(&self) -> u64 {
        let largest = self.largest_block();
        let tokens = held_tokens(self.tokens).min(self.batch_tokens.max(self.window));
        let states = 4 * (2 * largest + tokens * 3 * self.network.hidden()) as u64;
        states + self.running(tokens) + self.head(tokens)
    }
}
