//! What a run with calibration holds while the network runs.

use super::groups::{Group, groups};
use crate::allocate::matrix::Matrix;
use crate::calibration;
use crate::options::recover::Recovery;
use crate::options::resolve::Settings;
use kerf_kernels::Pool;
use kerf_model::evaluate::Pieces;
use kerf_model::{Kind, Network};
use kerf_tensors::Catalog;

/// What is to be done, as far as memory depends on it.
pub(crate) struct Task<'a> {
    pub catalog: &'a Catalog,
    pub settings: &'a Settings,
    pub targets: &'a [Matrix],
    pub embeddings: &'a [Matrix],
    /// How what survived is taught.
    pub recovery: Option<Recovery>,
}

/// A run with calibration, in batches of one size.
pub(crate) struct Footprint<'a> {
    pub task: &'a Task<'a>,
    pub network: &'a Network,
    pub groups: Vec<Group<'a>>,
    /// Calibration tokens.
    pub tokens: usize,
    /// Most tokens of one sequence.
    pub window: usize,
    /// Most tokens of one batch.
    pub batch: usize,
    pub batch_tokens: usize,
    pub threads: usize,
    /// Most columns of a matrix.
    pub widest: usize,
}

impl<'a> Footprint<'a> {
    /// Of a run on so many tokens, in batches of `batch_tokens`.
    pub fn new(
        task: &'a Task<'a>,
        network: &'a Network,
        tokens: usize,
        batch_tokens: usize,
    ) -> Self {
        let window = network
            .max_context()
            .min(calibration::MAX_WINDOW)
            .min(tokens.max(1));
        let columns = task.targets.iter().map(|matrix| matrix.cols);
        Self {
            task,
            network,
            groups: groups(network, task.targets),
            tokens,
            window,
            batch: batch_tokens.max(window).min(tokens.max(1)),
            batch_tokens,
            threads: Pool::wanted(task.settings.options.threads),
            widest: columns.max().unwrap_or(0),
        }
    }

    /// Numbers of a token between two steps: residual stream and one shared input.
    pub fn numbers(&self) -> usize {
        self.network.hidden() + self.widest
    }

    /// So many tokens on their way through a part of a block.
    pub fn running(&self, tokens: usize) -> u64 {
        (tokens * self.network.scratch_per_token(self.window) * 4) as u64
    }

    /// Matrices of one shared input in so many models, while the last of them is read.
    pub fn largest_part(&self, streams: usize) -> u64 {
        let parts = self.groups.iter();
        let part = |group: &Group<'_>| streams as u64 * group.weights + group.read();
        parts.map(part).max().unwrap_or(0)
    }

    /// Weights of the largest block.
    pub fn largest_block(&self) -> usize {
        let block = |block: usize| -> usize {
            let linears = self.network.linears(block);
            linears.iter().map(|linear| linear.rows * linear.cols).sum()
        };
        let blocks = 0..self.network.blocks();
        blocks.map(block).max().unwrap_or(0)
    }

    /// A piece of the head of a decoder, the logits of two models for some of so many tokens, and the probabilities of one.
    pub fn head(&self, tokens: usize) -> u64 {
        let pieces = Pieces::of(self.network);
        let head = |_| pieces.weight_bytes() + 3 * pieces.logits_bytes(tokens);
        self.network.head().map_or(0, head)
    }

    /// Tokens of whole sequences that have `wanted` together: the last may begin just below that.
    pub fn sequences(&self, wanted: usize) -> usize {
        let whole = match self.network.kind() {
            Kind::Decoder => wanted.next_multiple_of(self.window),
            Kind::Encoder => wanted + self.window,
        };
        whole.min(self.tokens)
    }
}
