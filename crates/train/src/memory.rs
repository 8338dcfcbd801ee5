//! How much memory a training takes, from shapes.

use crate::TrainOptions;
use kerf_model::Network;
use kerf_model::evaluate::head_bytes;

/// What a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// All weights.
    pub weights: u64,
    /// Those that learn.
    pub learned: u64,
    /// Most tokens of a batch.
    pub tokens: usize,
    /// Whether another model teaches.
    pub teaches: bool,
}

/// Peak bytes of a training: weights; gradients and both moments of those that learn, and what the pruner keeps beside the candidates;
/// the inputs of all blocks of a batch and as many saved blocks as `keep_bytes` allows, one at least; and a block's weights twice.
pub fn peak_bytes(network: &Network, training: &Training, options: &TrainOptions) -> u64 {
    let (tokens, hidden, blocks) = (
        training.tokens as u64,
        network.hidden() as u64,
        network.blocks() as u64,
    );
    let linears: u64 = network
        .linears(0)
        .iter()
        .map(|linear| (linear.rows * linear.cols) as u64)
        .sum();
    let candidates = linears * blocks;
    let kept = options.prune.pruner.kept_values() as u64 * candidates;
    let inputs = (blocks + 2) * tokens * hidden;
    let of_block = network.kept_values(training.tokens) as u64;
    let all_kept = 4 * of_block * blocks;
    let saved = all_kept.min(options.keep_bytes.max(4 * of_block));
    // The gradients of a block's operations are about as large as what it saved.
    let at_work = 4 * (of_block + 3 * linears);
    // Logits and their gradient, and as much of a teacher. What blocks worked with waits for its next use meanwhile.
    let teachers = u64::from(training.teaches);
    let models = 2 + 2 * usize::from(training.teaches);
    let vocabulary = head_bytes(network, training.tokens, models);
    // Hidden states of the teacher, and those that its loss looks at.
    let taught = teachers * 2 * 4 * tokens * hidden;
    4 * (training.weights + 3 * training.learned + kept + inputs)
        + saved
        + at_work
        + vocabulary
        + taught
}
