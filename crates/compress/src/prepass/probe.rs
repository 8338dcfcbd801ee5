//! Each matrix alone is rounded coarsely in the dense model, and what that costs at the end of the network says how much the matrix
//! matters. What comes out depends on the damping of the Hessian beside model and calibration; what is made of it, on `granularity`.

use super::{Prepass, PrepassUnit};
use crate::allocate::matrix::Matrix;
use crate::costs::footprint::Footprint;
use crate::costs::groups::Group;
use crate::costs::time::{Time, product, weights};
use crate::options::resolve::Settings;
use crate::schedules::Knowledge;
use crate::solve::effort::SWEEPS;
use crate::solve::extent::Extent;
use crate::solve::param::Params;
use crate::solve::rounding_at_rate;

/// Most tokens of the statistics for the roundings. More of these or of the next changed nothing on two models: what tells matrices
/// apart is far above the noise.
pub(crate) const SOLVED_TOKENS: usize = 512;
/// Most tokens on which the outcome is measured, and numbers that all streams together may hold.
const MEASURED_TOKENS: usize = 192;
const MEASURED_NUMBERS: usize = 1 << 27;
/// Fewer tell nothing.
const LEAST_TOKENS: usize = 64;
/// The step of the roundings, over the root mean square of a row: about 1.8 bits a weight, and an error like that of 70 % removed.
pub(crate) const STEP: f64 = 1.2;

/// The roundings are not improved.
pub(crate) const PARAMS: Params<'static> = Params::new(&[(SWEEPS.name, 0.0)]);

/// What is kept of a prediction while the vocabulary is gone through: three numbers of twice the width.
const KNOWN_OF_A_TOKEN: usize = 6;

/// Tokens on which the outcome is measured, of `tokens` calibration tokens.
pub(crate) fn measured_tokens(tokens: usize, matrices: usize, hidden: usize) -> usize {
    let room = MEASURED_NUMBERS / (matrices + 1) / (3 * hidden.max(1));
    (tokens / 4)
        .min(MEASURED_TOKENS)
        .min(room.max(LEAST_TOKENS))
}

/// The loss of each matrix alone.
pub(crate) struct Probe;

impl Prepass for Probe {
    /// Its step, or its share where anything is removed.
    fn decides(&self, settings: &Settings, matrix: &Matrix) -> bool {
        let open = matrix.step.is_some() || matrix.scheduled && settings.solving.sparsity > 0.0;
        settings.schedule.needs() == Knowledge::Probes && open
    }

    fn units(&self, _: usize) -> Vec<PrepassUnit> {
        vec![PrepassUnit::Probe]
    }

    /// None: its models run side by side, each from its matrix on, which `estimate` runs a sample of.
    fn tokens(&self, _: &Settings, _: usize) -> usize {
        0
    }

    /// One model for each matrix that is probed, each with residual stream and shared input; and a matrix that is rounded, or the
    /// changed one as it is made ready to run.
    fn memory_bytes(&self, of: &Footprint<'_>) -> u64 {
        let settings = of.task.settings;
        let probed = |matrix: &&Matrix| self.decides(settings, matrix);
        let models = 1 + of.task.targets.iter().filter(probed).count();
        let hidden = of.network.hidden();
        let measured = measured_tokens(of.tokens, models - 1, hidden);
        let solved = of.sequences(SOLVED_TOKENS);
        let numbers = models * measured * of.numbers() + solved * (of.numbers() + of.widest);
        let running = of.running((of.threads * measured).max(of.batch.min(solved)));
        let of_group = |group: &Group<'_>| {
            let changing = group.targets.iter().filter(|matrix| probed(matrix));
            let changing = changing.map(|matrix| {
                let extent = Extent {
                    params: PARAMS,
                    ..matrix.extent(settings.params())
                };
                // As the source has it, and turned.
                let original = extent.matrix() * (1 + u64::from(matrix.transposed));
                let rounding = original + rounding_at_rate::memory_bytes(&extent);
                rounding.max(2 * extent.matrix() + group.weights + running)
            });
            2 * group.gram() + changing.max().unwrap_or(0)
        };
        let of_groups = of.groups.iter().map(of_group).max().unwrap_or(0);
        let part = of.largest_part(1) + running;
        // At the end of the network there are no inputs, but for each token of each model what is known of its logits.
        let end = models * measured * (hidden + KNOWN_OF_A_TOKEN);
        let end = 4 * end as u64 + of.head(measured);
        (4 * numbers as u64 + of_groups.max(part)).max(end)
    }

    /// The models run side by side and each begins where its matrix is: tokens pass a block about half as often as there are models.
    fn seconds(&self, _: PrepassUnit, of: &Time<'_>) -> f64 {
        let probed = || {
            let targets = of.targets.iter();
            targets.filter(|matrix| self.decides(of.settings, matrix))
        };
        let models = probed().count();
        let tokens = measured_tokens(of.tokens, models, of.network().hidden());
        let passing = SOLVED_TOKENS as f64 + (models * tokens) as f64 / 2.0;
        let network = passing * (of.whole() - of.head());
        let distance = (models * tokens) as f64 * of.head();
        let roundings: f64 = probed().map(product).sum();
        let factors = of.factors(probed(), SOLVED_TOKENS);
        of.products(network + distance + roundings + factors)
            + of.passes(probed().map(weights).sum())
    }
}
