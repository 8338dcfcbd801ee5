//! How much a block takes while it learns, from shapes: for memory plans, which builds without the backward pass make, too.

use crate::Network;

impl Network {
    /// Values of f32 that a token takes while a block learns: its `Saved`, and what a backward pass has beside it. For the memory plan.
    pub fn learning_per_token(&self) -> usize {
        let settings = &self.settings;
        let (query, kv) = (settings.query_width(), settings.kv_width());
        self.saved_values() + 3 * settings.hidden + 2 * query + 4 * kv + 3 * settings.intermediate
    }

    /// Values that `Saved` has for a token, at most.
    pub fn saved_values(&self) -> usize {
        let (settings, names) = (&self.settings, &self.arch.block);
        let (query, kv) = (settings.query_width(), settings.kv_width());
        // Its input, the stream after attention, and one of the norm before and the norm behind each sublayer.
        let norms = 2 + usize::from(names.attention_output_norm.is_some()) * 2;
        let heads = 1 + usize::from(names.query_norm.is_some());
        let gates = 1 + usize::from(self.gated());
        (2 + norms) * settings.hidden
            + heads * (query + 2 * kv)
            + query
            + gates * settings.intermediate
    }
}
