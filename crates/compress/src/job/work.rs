//! Where the time of a run went.

use super::{Job, Unit};
use crate::prepass::PrepassUnit;
use crate::report::Work;

/// What a unit does beside its named steps.
pub(super) const REST: &str = "rest";

impl Job {
    /// Takes over from the meter what a unit took.
    pub(super) fn add_work(&mut self, unit: Unit) {
        let (phase, block) = (unit.phase(), self.block_of(unit));
        for (step, spent) in self.compute.meter.take() {
            let same = |work: &&mut Work| {
                (work.phase.as_str(), work.block, work.step.as_str()) == (phase, block, step)
            };
            let (seconds, flops) = (spent.seconds, spent.flops as f64);
            match self.work.iter_mut().find(same) {
                Some(work) => {
                    work.seconds += seconds;
                    work.flops += flops;
                }
                None => self.work.push(Work {
                    phase: phase.into(),
                    block,
                    step: step.into(),
                    seconds,
                    flops,
                }),
            }
        }
    }

    fn block_of(&self, unit: Unit) -> Option<usize> {
        match unit {
            Unit::Solve(index) => self.matrix(index).block_and_role().map(|(block, _)| block),
            Unit::Prepass(PrepassUnit::Survey(block) | PrepassUnit::Levels(block)) => Some(block),
            Unit::Statistics(block, _) | Unit::Forward(block) => Some(block),
            Unit::Prepass(_) | Unit::Allocate | Unit::Measure | Unit::Write => None,
        }
    }
}
