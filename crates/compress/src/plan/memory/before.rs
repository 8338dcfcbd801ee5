//! What is in memory before the first matrix is solved, where something is decided by looking at the dense model.

use super::Run;
use super::groups::Group;
use super::solving::extent;
use crate::allocate::matrix::Matrix;
use crate::job::{self, probe};
use crate::plan::is_probed;
use crate::prepass::survey;
use crate::schedules::Needs;
use crate::solve::extent::Extent;
use crate::solve::rounding_at_rate;
use kerf_model::Kind;
use kerf_model::evaluate::Pieces;

/// What is kept of a prediction while the vocabulary is gone through: three numbers of twice the width.
const KNOWN_OF_A_TOKEN: usize = 6;

impl Run<'_> {
    fn needs(&self) -> Needs {
        self.task.settings.schedule.needs()
    }

    /// Residual stream and shared input of the tokens that a survey sees, the input once more as one piece and once turned, and two
    /// squares of its columns (or of tokens, where these are fewer).
    pub(super) fn surveying(&self) -> u64 {
        let spread = matches!(self.needs(), Needs::Losses | Needs::Search);
        if !spread && !self.task.targets.iter().any(|matrix| matrix.free_bits) {
            return 0;
        }
        let (seen, widest) = (self.sequences(survey::tokens(self.tokens)), self.widest);
        let stream = seen * (self.network.hidden() + 4 * widest) + 2 * widest * widest;
        4 * stream as u64 + self.running(self.batch.min(seen)) + self.largest_part(1)
    }

    /// One model for each matrix that is probed, each with residual stream and shared input; and a matrix that is rounded, or the
    /// changed one as it is made ready to run.
    pub(super) fn probing(&self) -> u64 {
        let settings = self.task.settings;
        let probed = |matrix: &&Matrix| is_probed(settings, matrix);
        let models = 1 + self.task.targets.iter().filter(probed).count();
        if self.needs() != Needs::Probes || models == 1 {
            return 0;
        }
        let hidden = self.network.hidden();
        let measured = probe::measured_tokens(self.tokens, models - 1, hidden);
        let solved = self.sequences(probe::SOLVED_TOKENS);
        let numbers = models * measured * self.numbers() + solved * (self.numbers() + self.widest);
        let running = self.running((self.threads * measured).max(self.batch.min(solved)));
        let of_group = |group: &Group<'_>| {
            let changing = group.targets.iter().filter(|matrix| probed(matrix));
            let changing = changing.map(|matrix| {
                let of = Extent {
                    effort: probe::EFFORT,
                    ..extent(settings, matrix)
                };
                // As the source has it, and turned.
                let original = of.matrix() * (1 + u64::from(matrix.transposed));
                let rounding = original + rounding_at_rate::memory_bytes(&of);
                rounding.max(2 * of.matrix() + group.weights + running)
            });
            2 * group.gram() + changing.max().unwrap_or(0)
        };
        let of_groups = self.groups.iter().map(of_group).max().unwrap_or(0);
        let part = self.largest_part(1) + running;
        // At the end of the network there are no inputs, but for each token of each model what is known of its logits.
        let end = models * measured * (hidden + KNOWN_OF_A_TOKEN);
        let end = 4 * end as u64 + self.head(measured);
        (4 * numbers as u64 + of_groups.max(part)).max(end)
    }

    /// Levels of a matrix that are solved one by one on inputs of the dense model; then whole blocks of a candidate (one is read while
    /// the one before is not yet gone) on the tokens of a measurement, beside the states of the dense model and logits of both.
    pub(super) fn searching(&self) -> u64 {
        if self.needs() != Needs::Search {
            return 0;
        }
        let (hidden, settings) = (self.network.hidden(), self.task.settings);
        let seen = self.sequences(job::SOLVED_TOKENS);
        let dense = 4 * (seen * (self.numbers() + self.widest)) as u64;
        let of_group = |group: &Group<'_>| {
            let targets = group.targets.iter();
            let solving = targets.map(|matrix| {
                let of = extent(settings, matrix);
                of.matrix() + matrix.method.memory_bytes(&of).max(2 * of.solved())
            });
            2 * group.gram() + solving.max().unwrap_or(0)
        };
        let of_groups = self.groups.iter().map(of_group).max().unwrap_or(0);
        let levels = dense + of_groups.max(self.largest_part(1) + self.running(self.batch));
        let largest = self.largest_block();
        let tokens = job::MEASURED_TOKENS + self.window;
        let states = 4 * (2 * largest + tokens * 3 * hidden) as u64;
        levels.max(states + self.running(tokens) + self.head(tokens))
    }

    /// Weights of the largest block.
    pub(super) fn largest_block(&self) -> usize {
        let block = |block: usize| -> usize {
            let linears = self.network.linears(block);
            linears.iter().map(|linear| linear.rows * linear.cols).sum()
        };
        let blocks = 0..self.network.blocks();
        blocks.map(block).max().unwrap_or(0)
    }

    /// A piece of the head of a decoder, the logits of two models for some of so many tokens, and the probabilities of one.
    pub(super) fn head(&self, tokens: usize) -> u64 {
        let pieces = Pieces::of(self.network);
        let head = |_| pieces.weight_bytes() + 3 * pieces.logits_bytes(tokens);
        self.network.head().map_or(0, head)
    }

    /// Tokens of whole sequences that have `wanted` together: the last may begin just below that.
    fn sequences(&self, wanted: usize) -> usize {
        let whole = match self.network.kind() {
            Kind::Decoder => wanted.next_multiple_of(self.window),
            Kind::Encoder => wanted + self.window,
        };
        whole.min(self.tokens)
    }
}
