//! Where the time of a run went.

use crate::report::Work;
use kerf_kernels::Spent;

/// What a unit does beside its named sections.
pub(super) const REST: &str = "rest";

/// Adds what the sections of a unit took, of a phase and a block.
pub(super) fn add(
    all: &mut Vec<Work>,
    phase: &str,
    block: Option<usize>,
    steps: impl IntoIterator<Item = (&'static str, Spent)>,
) {
    for (step, spent) in steps {
        let same = |work: &&mut Work| {
            (work.phase.as_str(), work.block, work.step.as_str()) == (phase, block, step)
        };
        let (seconds, flops) = (spent.seconds, spent.flops as f64);
        match all.iter_mut().find(same) {
            Some(work) => {
                work.seconds += seconds;
                work.flops += flops;
            }
            None => all.push(Work {
                phase: phase.into(),
                block,
                step: step.into(),
                seconds,
                flops,
            }),
        }
    }
}
