//! What a block and a whole model have in common while they are taught: the course before, the report behind.

use crate::options::recover::Recovery;
use crate::plan::Plan;
use crate::recover::lessons::steps;
use crate::recover::teach::{Course, Standing};
use crate::report::RecoveredPart;

/// What the plan asks for. Units of recovery are planned with it.
fn recovery(plan: &Plan) -> Recovery {
    plan.recovery
        .expect("units of recovery are planned with it")
}

/// The course over lessons of so many tokens each. `continuous`: share of the steps before values move.
pub(super) fn course(plan: &Plan, lengths: &[usize], continuous: f64) -> Course {
    let recovery = recovery(plan);
    Course {
        steps: steps(recovery.tokens, lengths),
        continuous,
        learning_rate: recovery.rate(),
        seed: plan.settings.options.seed,
    }
}

/// What the report says of a part: a block, or the whole model.
pub(super) fn part(block: Option<usize>, standing: Standing, seconds: f64) -> RecoveredPart {
    RecoveredPart {
        block,
        tokens: standing.tokens,
        steps: standing.steps,
        seconds,
        before: standing.before,
        after: standing.after,
    }
}
