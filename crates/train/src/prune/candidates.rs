//! Which matrices lose weights.

use kerf_model::Network;

/// Names of the matrices of the blocks, in order; not embeddings, norms, biases and heads.
pub fn candidates(network: &Network) -> Vec<String> {
    let linears = (0..network.blocks()).flat_map(|block| network.linears(block));
    linears.map(|linear| linear.weight).collect()
}
