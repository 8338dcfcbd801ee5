//! Gather, block, scatter: a gate at work on one batch.

use super::{Gate, Kept, View};
use crate::{Batch, BlockCache, BlockWeights, Network};
use kerf_kernels::Compute;

/// A gate at work on one batch, from its first block to its last. It knows the attention that each token received last, where
/// the gate wants to know it.
pub struct Router<'a> {
    gate: &'a dyn Gate,
    /// See [`View::received`].
    received: Vec<f64>,
    /// Tokens that went through a block, summed over the blocks.
    passed: u64,
    /// Tokens that came to a block, summed over the blocks.
    arrived: u64,
}

impl<'a> Router<'a> {
    /// Begins with the first block of a batch.
    pub fn new(gate: &'a dyn Gate, batch: &Batch) -> Self {
        let watched = match gate.watches_attention() {
            true => batch.tokens(),
            false => 0,
        };
        Self {
            gate,
            received: vec![0.0; watched],
            passed: 0,
            arrived: 0,
        }
    }

    /// Share of (token, block) pairs that were skipped so far; 0 before the first block.
    pub fn skipped(&self) -> f64 {
        match self.arrived {
            0 => 0.0,
            arrived => 1.0 - self.passed as f64 / arrived as f64,
        }
    }

    /// Runs one block on the tokens that the gate keeps. `x` [tokens, hidden] are the hidden states of all tokens; those of
    /// skipped tokens stay as they are. `cache` gets the kept tokens alone. Otherwise as [`Network::run_block`], and the same to
    /// the bit where all tokens are kept.
    pub fn run_block(
        &mut self,
        network: &Network,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        cache: Option<&mut BlockCache>,
    ) {
        let kept = self.gate.keep(&View {
            block: block.index,
            batch,
            received: &self.received,
        });
        self.arrived += batch.tokens() as u64;
        let places = match kept {
            Kept::Places(places) if places.len() < batch.tokens() => places,
            _ => {
                self.passed += batch.tokens() as u64;
                let observed = self.run(network, compute, block, batch, x, cache);
                self.received.copy_from_slice(&observed);
                return;
            }
        };
        self.passed += places.len() as u64;
        if places.is_empty() {
            return;
        }
        let hidden = network.hidden();
        let mut own = Vec::with_capacity(places.len() * hidden);
        for place in &places {
            own.extend_from_slice(&x[place * hidden..][..hidden]);
        }
        let part = batch.gather(&places);
        let observed = self.run(network, compute, block, &part, &mut own, cache);
        for (place, row) in places.iter().zip(own.chunks_exact(hidden)) {
            x[place * hidden..][..hidden].copy_from_slice(row);
        }
        for (place, received) in places.iter().zip(observed) {
            self.received[*place] = received;
        }
    }

    /// Runs the block; what each token of `batch` received, empty where the gate does not watch it.
    fn run(
        &self,
        network: &Network,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        cache: Option<&mut BlockCache>,
    ) -> Vec<f64> {
        if !self.gate.watches_attention() {
            network.run_block(compute, block, batch, x, cache);
            return Vec::new();
        }
        let mut received = Vec::new();
        network.run_block_observed(compute, block, batch, x, cache, &mut received);
        // A cache tells of older tokens too.
        received.split_off(received.len() - batch.tokens())
    }
}
