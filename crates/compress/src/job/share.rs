//! Which share of a run each unit is, foreseen from shapes, tokens and effort before it starts.
//!
//! Nothing is measured: products run at about the same rate everywhere in a run, so their number says how the time is spread, and only
//! ratios matter. (How long a run takes in seconds is what [`crate::estimate`] foresees.)

use super::Unit;
use crate::calibration::{MAX_WINDOW, held_tokens};
use crate::costs::time::{FACTOR, Time, weights};
use crate::plan::Plan;
use crate::solve::target;
use kerf_kernels::Pool;
use kerf_model::{Batch, Kind, batches};
use kerf_run::Shares;

/// Bytes of the result that are written and synced in a second, with any number of threads.
const BYTES_PER_SECOND: f64 = 3e8;
/// Tokens of a text where texts are not known.
const TEXT_TOKENS: usize = 32;

/// Which part of the job each unit is, of a job on those batches.
pub(super) fn shares(plan: &Plan, units: &[Unit], batches: &[Batch], threads: usize) -> Shares {
    let costs = Costs::of(plan, batches, threads);
    Shares::spread(units.iter().map(|unit| costs.seconds(*unit)))
}

/// Seconds that a job of the plan takes, about, on a machine with that many threads (0: all) that is neither new nor old: what other
/// work of a call can be held against. `tokens` of calibration that are not known yet are as many as the options allow.
pub fn expected_seconds(plan: &Plan) -> f64 {
    let usual = plan.network.as_ref().map_or(1, |network| {
        let longest = network.max_context().min(MAX_WINDOW);
        match network.kind() {
            Kind::Decoder => longest,
            Kind::Encoder => TEXT_TOKENS.min(longest),
        }
    });
    let usual = usual.max(1);
    let sequences = vec![vec![0; usual]; plan.tokens.div_ceil(usual)];
    let batches = batches(&sequences, plan.memory.batch_tokens);
    let threads = Pool::new(plan.settings.options.threads).threads();
    let costs = Costs::of(plan, &batches, threads);
    let units = super::units(plan, plan.calibrated());
    units.iter().map(|unit| costs.seconds(*unit)).sum()
}

/// What units cost.
struct Costs<'a> {
    plan: &'a Plan,
    time: Time<'a>,
}

impl<'a> Costs<'a> {
    fn of(plan: &'a Plan, batches: &[Batch], threads: usize) -> Self {
        let network = plan.network.as_ref();
        let calibrated = plan.calibrated();
        let (settings, targets) = (&plan.settings, &plan.targets);
        let time = Time::of(settings, network, targets, calibrated, batches, threads);
        Self { plan, time }
    }

    /// Seconds of a unit, about. Everything takes some, so that no share is nothing.
    fn seconds(&self, unit: Unit) -> f64 {
        const LEAST: f64 = 1e-4;
        let seconds = match unit {
            Unit::Solve(index) => self.solve(index),
            Unit::Prepass(unit) => unit.of().seconds(unit, &self.time),
            Unit::Allocate => 0.0,
            Unit::Statistics(block, input) => self.statistics(block, input),
            Unit::Forward(block) => self.way(block, self.time.network().inputs()),
            Unit::Recover(block) => self.recover(self.time.block(block)),
            Unit::RecoverWhole => self.recover(self.time.whole()),
            Unit::Measure => self.measure(),
            Unit::Write => self.write(),
        };
        LEAST + seconds
    }

    /// A matrix; the first of those that share an input makes the factor and what all of them need to aim.
    fn solve(&self, index: usize) -> f64 {
        let embeddings = self.plan.embeddings.len();
        let Some(target) = index.checked_sub(embeddings) else {
            return self.time.passes(weights(&self.plan.embeddings[index]));
        };
        let matrix = &self.plan.targets[target];
        let alone =
            self.time.passes(weights(matrix)) + self.time.products(self.time.solver(matrix));
        let before = target.checked_sub(1).map(|index| &self.plan.targets[index]);
        if !self.plan.calibrated()
            || before.is_some_and(|before| before.input_id() == matrix.input_id())
        {
            return alone;
        }
        let aiming = self.plan.aiming_rows(matrix.block, matrix.input) as f64;
        let cols = matrix.cols as f64;
        alone
            + self
                .time
                .products(FACTOR * cols.powi(3) + target::flops(aiming, cols))
    }

    /// Tokens to a shared input, and their second moments.
    fn statistics(&self, block: usize, input: usize) -> f64 {
        let linears = self.time.network().linears(block);
        let cols = linears.iter().find(|linear| linear.input == input);
        let cols = cols.map_or(0, |linear| linear.cols) as f64;
        // Half of the second moments are computed, and all of what the two models have in common.
        let aims = self.plan.aiming(block, input).next().is_some();
        let moments = if aims { 3.0 } else { 1.0 } * self.time.tokens as f64 * cols * cols;
        self.way(block, input) + self.time.products(moments)
    }

    /// Tokens of both models, if there are two, from the last shared input before `upto` at which anything was solved.
    fn way(&self, block: usize, upto: usize) -> f64 {
        let targets = self.plan.targets.iter();
        let before = targets.filter(|matrix| matrix.block == block && matrix.input < upto);
        let from = before.map(|matrix| matrix.input).max().unwrap_or(0);
        let models = if self.plan.dense_stream() { 2.0 } else { 1.0 };
        self.time
            .products(models * self.time.tokens as f64 * self.time.forward(block, from, upto))
    }

    /// A step back takes twice as long as one forward, and what weights take each step counts for as much as one more; the dense model
    /// and the held-out share are beside it. `token`: flops of a token.
    fn recover(&self, token: f64) -> f64 {
        let taught = self.plan.recovery.map_or(0, |recovery| recovery.tokens) as f64;
        let passes = 5.0 * taught + self.time.tokens as f64;
        self.time.products(passes * token)
    }

    /// Both models on the held-out text.
    fn measure(&self) -> f64 {
        self.time
            .products(2.0 * held_tokens(self.time.tokens) as f64 * self.time.whole())
    }

    /// Units are read, and about a byte a weight is written, at most.
    fn write(&self) -> f64 {
        let bytes: f64 = self.plan.matrices().map(weights).sum();
        bytes / BYTES_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::options::params::GivenParams;
    use crate::prepass::PrepassUnit;
    use kerf_tensors::Catalog;
    use std::path::Path;

    fn plan(options: Options, tokens: usize) -> Plan {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
        let catalog = Catalog::open_path(&folder).unwrap();
        Plan::new(&catalog, options.resolve().unwrap(), Some(tokens), None).unwrap()
    }

    fn joint() -> Options {
        Options {
            method: Some("joint".into()),
            sparsity: Some(0.5),
            ..Options::default()
        }
    }

    fn units_and_shares(plan: &Plan) -> (Vec<Unit>, Shares) {
        let batches = batches(&vec![vec![0; 100]; plan.tokens / 100], 1000);
        let units = super::super::units(plan, plan.calibrated());
        let shares = shares(plan, &units, &batches, 2);
        (units, shares)
    }

    /// Share of all units of a kind.
    fn sum(plan: &Plan, of: impl Fn(&Unit) -> bool) -> f64 {
        let (units, shares) = units_and_shares(plan);
        let ends = shares.ends();
        let begins = std::iter::once(&0.0).chain(ends);
        let parts = begins.zip(ends).map(|(begin, end)| end - begin);
        let own = units.iter().zip(parts).filter(|(unit, _)| of(unit));
        own.map(|(_, part)| part).sum()
    }

    #[test]
    fn shares_of_all_methods_and_schedules_rise_and_are_one_together() {
        let budget = Options {
            target_bits: Some(3.0),
            ..Options::default()
        };
        let schedules = crate::schedules::ids().into_iter().map(|id| Options {
            schedule: Some(id.into()),
            ..joint()
        });
        let methods = ["rtn", "magnitude", "wanda", "obs", "descent", "admm"];
        let methods = methods.into_iter().map(|id| Options {
            method: Some(id.into()),
            sparsity: (id != "rtn").then_some(0.7),
            ..Options::default()
        });
        for options in schedules.chain(methods).chain([budget]) {
            let plan = plan(options, 2000);
            let (units, shares) = units_and_shares(&plan);
            let ends = shares.ends();
            assert_eq!(units.len(), ends.len());
            assert!(ends[0] > 0.0);
            assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{ends:?}");
            assert_eq!(ends.last(), Some(&1.0));
            assert!(expected_seconds(&plan) > 0.0);
        }
    }

    #[test]
    fn more_tokens_are_statistics_more_iterations_are_solving_and_probes_take_something() {
        let statistics = |unit: &Unit| matches!(unit, Unit::Statistics(..) | Unit::Forward(_));
        let solving = |unit: &Unit| matches!(unit, Unit::Solve(_));
        let (few, many) = (plan(joint(), 1000), plan(joint(), 16000));
        assert!(sum(&many, statistics) > 2.0 * sum(&few, statistics));
        assert!(expected_seconds(&many) > 2.0 * expected_seconds(&few));
        let hard = Options {
            params: GivenParams::of([("iterations", 200.0)]),
            ..joint()
        };
        assert!(sum(&plan(hard, 1000), solving) > 1.5 * sum(&few, solving));
        assert!(sum(&few, |unit| *unit == Unit::Prepass(PrepassUnit::Probe)) > 0.01);
        // Of a run without calibration nothing but solving and writing is left.
        let rounded = Options {
            method: Some("rtn".into()),
            ..Options::default()
        };
        let rounded = plan(rounded, 1000);
        let rest = sum(&rounded, |unit| *unit == Unit::Write);
        assert!((sum(&rounded, solving) + rest - 1.0).abs() < 1e-9);
    }
}
