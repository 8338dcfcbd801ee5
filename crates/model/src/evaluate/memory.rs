//! What a model takes while it runs, beside the decoded weights that a [`super::Runner`] keeps: for plans, and to keep to a limit.

use super::Pieces;
use crate::Network;

/// Bytes of a batch of `tokens` (whose longest sequence is `longest`) on its way through the blocks, and of the largest block: one that
/// is dropped, and one that is read.
pub fn running_bytes(network: &Network, tokens: usize, longest: usize) -> u64 {
    let numbers = network.hidden() + network.scratch_per_token(longest);
    let block = (0..network.blocks()).map(|block| block_weights(network, block));
    4 * (tokens * numbers + 2 * block.max().unwrap_or(0)) as u64
}

/// Bytes of the keys and values of a text of so many tokens while it is written, with the position of each token in each block.
pub fn cache_bytes(network: &Network, tokens: usize) -> u64 {
    let of_token = 4 * 2 * network.settings.kv_width() + size_of::<usize>();
    (of_token * network.blocks() * tokens) as u64
}

/// Bytes while the logits of `tokens` hidden states are looked at, in so many models side by side: a piece of each head, and a
/// piece of the logits of each.
pub fn head_bytes(network: &Network, tokens: usize, models: usize) -> u64 {
    match network.head() {
        None => 0,
        Some(_) => {
            let pieces = Pieces::of(network);
            models as u64 * (pieces.weight_bytes() + pieces.logits_bytes(tokens))
        }
    }
}

fn block_weights(network: &Network, block: usize) -> usize {
    let linears = network.linears(block);
    linears.iter().map(|linear| linear.rows * linear.cols).sum()
}
