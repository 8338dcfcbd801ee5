//! Evolution of the shares themselves (Sieberling et al.: EvoPress, 2410.14649), which starts from `error-levels`: the job solves
//! each matrix at some levels around that start, and the candidate that stays closest to the dense model on held-out calibration
//! text wins (job/search.rs). It sees what no estimate of single matrices sees, how their losses add up, and takes a multiple of
//! the time of all else.

use super::error_levels::ErrorLevels;
use super::{Asked, Knowledge, Schedule, ScheduleItem};

pub(super) struct Search;

impl Schedule for Search {
    fn id(&self) -> &'static str {
        "search"
    }

    fn needs(&self) -> Knowledge {
        Knowledge::Search
    }

    /// Where the search starts.
    fn allocate(&self, parts: &[ScheduleItem], asked: &Asked) -> Vec<f64> {
        ErrorLevels.allocate(parts, asked)
    }
}
