//! Each matrix is solved at some levels around its start, and an evolution finds the level that each gets. What comes out depends on all
//! that a solver depends on, and on `granularity`, `generations` and `seed`.

use super::{Prepass, PrepassUnit, spreads_by_losses};
use crate::allocate::matrix::Matrix;
use crate::costs::footprint::Footprint;
use crate::costs::groups::Group;
use crate::costs::time::{Time, weights};
use crate::options::resolve::Settings;
use crate::schedules::Knowledge;

/// Levels to each side of the start.
pub(crate) const LEVELS: i8 = 2;
/// Sparsity between two levels.
pub(crate) const STEP: f64 = 0.05;
/// Most tokens on which levels are solved.
pub(crate) const SOLVED_TOKENS: usize = 4096;
/// Most tokens of a measurement, beside what is left of the last sequence.
pub(crate) const MEASURED_TOKENS: usize = 2048;
/// Tokens of the two rounds of a generation.
pub(crate) const ROUND_TOKENS: [usize; 2] = [512, MEASURED_TOKENS];
/// Offspring of a generation, and how many of them the second round sees.
pub(crate) const OFFSPRING: usize = 16;
pub(crate) const SURVIVORS: usize = 3;
/// Tokens that a search runs on, of `tokens` calibration tokens.
pub(crate) fn search_tokens(generations: usize, tokens: usize) -> usize {
    let rounds = OFFSPRING * ROUND_TOKENS[0] + SURVIVORS * ROUND_TOKENS[1];
    SOLVED_TOKENS.min(tokens) + generations * rounds
}

/// The best levels of all matrices.
pub(crate) struct Search;

impl Prepass for Search {
    fn decides(&self, settings: &Settings, matrix: &Matrix) -> bool {
        let searches =
            settings.schedule.needs() == Knowledge::Search && spreads_by_losses(settings);
        searches && matrix.scheduled
    }

    fn units(&self, blocks: usize) -> Vec<PrepassUnit> {
        let levels = (0..blocks).map(PrepassUnit::Levels);
        levels.chain([PrepassUnit::Search]).collect()
    }

    fn tokens(&self, settings: &Settings, calibration: usize) -> usize {
        search_tokens(
            settings.options.generations.unwrap_or_default(),
            calibration,
        )
    }

    /// Levels of a matrix that are solved one by one on inputs of the dense model; then whole blocks of a candidate (one is read while
    /// the one before is not yet gone) on the tokens of a measurement, beside the states of the dense model and logits of both.
    fn memory_bytes(&self, of: &Footprint<'_>) -> u64 {
        let (hidden, settings) = (of.network.hidden(), of.task.settings);
        let seen = of.sequences(SOLVED_TOKENS);
        let dense = 4 * (seen * (of.numbers() + of.widest)) as u64;
        let of_group = |group: &Group<'_>| {
            let targets = group.targets.iter();
            let solving = targets.map(|matrix| {
                let extent = matrix.extent(settings.params());
                extent.matrix() + matrix.method.memory_bytes(&extent).max(2 * extent.solved())
            });
            2 * group.gram() + solving.max().unwrap_or(0)
        };
        let of_groups = of.groups.iter().map(of_group).max().unwrap_or(0);
        let levels = dense + of_groups.max(of.largest_part(1) + of.running(of.batch));
        let largest = of.largest_block();
        let tokens = MEASURED_TOKENS + of.window;
        let states = 4 * (2 * largest + tokens * 3 * hidden) as u64;
        levels.max(states + of.running(tokens) + of.head(tokens))
    }

    fn seconds(&self, unit: PrepassUnit, of: &Time<'_>) -> f64 {
        match unit {
            PrepassUnit::Levels(block) => self.level_seconds(block, of),
            _ => self.search_seconds(of),
        }
    }
}

impl Search {
    fn level_seconds(&self, block: usize, of: &Time<'_>) -> f64 {
        let open = || {
            let targets = of.targets.iter();
            targets.filter(move |matrix| matrix.block == block && matrix.scheduled)
        };
        let tokens = SOLVED_TOKENS.min(of.tokens);
        let levels = f64::from(2 * LEVELS + 1);
        let solving = |matrix: &Matrix| {
            levels * (of.passes(weights(matrix)) + of.products(of.solver(matrix)))
        };
        let flops = tokens as f64 * of.block(block) + of.factors(open(), tokens);
        of.products(flops) + open().map(solving).sum::<f64>()
    }

    fn search_seconds(&self, of: &Time<'_>) -> f64 {
        let generations = of.settings.options.generations.unwrap_or_default();
        let all = search_tokens(generations, of.tokens);
        let tokens = all - search_tokens(0, of.tokens);
        of.products(tokens as f64 * of.whole())
    }
}
