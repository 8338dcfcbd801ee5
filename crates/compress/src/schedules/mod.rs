//! How the global sparsity is spread over the matrices: one file and one row each.

mod budget;
mod clusters;
mod curve;
mod error_levels;
mod owl;
mod parts;
mod probe;
mod search;
mod summary;
mod uniform;

pub use curve::LossCurve;
pub(crate) use error_levels::limits;
pub use parts::{Granularity, LossScale, ScheduledMatrix, spread};
pub(crate) use probe::importances;
pub use summary::{RoundingLoss, Summary, WIDTHS};

/// What a schedule must know before it can say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Knowledge {
    /// Sizes alone: the shares are known before the run.
    Nothing,
    /// A survey of each matrix ([`Summary`]) before the first matrix is solved.
    Losses,
    /// A survey, and what each matrix alone costs the network.
    Probes,
    /// A survey, and the quality of the whole network under candidates.
    Search,
}

/// What is asked of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// Share of all weights to remove, 0 to 0.99.
    pub sparsity: f64,
    /// Levels of a schedule that has levels; 0 = as many as there are parts.
    pub levels: usize,
    /// Sparsity for a tenfold loss.
    pub slope: f64,
}

/// One matrix, or all of a block: what gets one share.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleItem {
    /// Number of weights.
    pub weights: usize,
    /// Loss by sparsity, as comparable between parts as the options say.
    pub loss: LossCurve,
    /// Share of weights with outlying scores.
    pub outlier_ratio: f64,
    /// What its matrices alone, each rounded coarsely, cost the network, in sum; if it was measured.
    pub probe: Option<f64>,
}

/// Spreads a global sparsity over parts.
pub trait Schedule: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// What it must know: this, beside the methods, decides whether calibration runs.
    fn needs(&self) -> Knowledge;
    /// Whether what it knows compares matrices as well as blocks: then each gets its own share unless blocks are asked for.
    fn tells_matrices_apart(&self) -> bool {
        false
    }
    /// One share per part, in order, each 0 to 0.99; weighted by size they average to the asked one within 0.1 %. A part of
    /// equal size with a larger loss gets no more, and parts that are alike in all get the same.
    fn allocate(&self, parts: &[ScheduleItem], asked: &Asked) -> Vec<f64>;
}

/// All schedules. Each row runs through the battery below.
pub fn table() -> &'static [&'static dyn Schedule] {
    &[
        &uniform::Uniform,
        &error_levels::ErrorLevels,
        &owl::Owl,
        &probe::Probe,
        &search::Search,
    ]
}

/// The schedule of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Schedule> {
    table().iter().copied().find(|schedule| schedule.id() == id)
}

/// Ids of the table, in order.
pub fn ids() -> Vec<&'static str> {
    table().iter().map(|schedule| schedule.id()).collect()
}

#[cfg(test)]
mod battery;
