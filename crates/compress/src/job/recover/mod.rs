//! The units that teach what survived: one after each block, or one after all of them.

#[cfg(feature = "train")]
mod block;
#[cfg(feature = "train")]
mod course;
#[cfg(feature = "train")]
mod start;
#[cfg(feature = "train")]
mod whole;
#[cfg(feature = "train")]
mod write;

#[cfg(feature = "train")]
pub(super) use {block::recover_block, whole::recover_whole};

use super::records::Journal;
use crate::CompressError;
use crate::plan::Plan;
use crate::report::RecoveredPart;

/// The unit that teaches a block.
pub(super) fn unit(block: usize) -> String {
    format!("recover:{block}")
}

/// The unit that teaches the whole model.
pub(super) const WHOLE: &str = "recover";

/// What was taught so far, also before a resume.
pub(super) fn parts(plan: &Plan, journal: &Journal) -> Result<Vec<RecoveredPart>, CompressError> {
    let blocks = plan.network.as_ref().map_or(0, kerf_model::Network::blocks);
    let mut parts = Vec::new();
    for block in 0..blocks {
        parts.extend(journal.value::<RecoveredPart>(&unit(block))?);
    }
    parts.extend(journal.value::<RecoveredPart>(WHOLE)?);
    Ok(parts)
}
