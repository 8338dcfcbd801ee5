//! What looks at the dense model before the first matrix is solved. Each is one file that says which matrices it decides about, its
//! units, its tokens, its memory and its time.

pub mod probe;
pub mod search;
pub mod survey;

use crate::allocate::matrix::Matrix;
use crate::costs::footprint::Footprint;
use crate::costs::time::Time;
use crate::options::resolve::Settings;
use crate::schedules::Knowledge;

/// A look at the dense model.
pub(crate) trait Prepass: Sync {
    /// Whether it decides anything about a matrix.
    fn decides(&self, settings: &Settings, matrix: &Matrix) -> bool;

    /// Whether it runs: where it decides about a matrix.
    fn runs(&self, settings: &Settings, targets: &[Matrix]) -> bool {
        targets.iter().any(|matrix| self.decides(settings, matrix))
    }

    /// Its pieces in a network of so many blocks, in order.
    fn units(&self, blocks: usize) -> Vec<PrepassUnit>;

    /// Tokens that it takes through the network, of so many calibration tokens.
    fn tokens(&self, settings: &Settings, calibration: usize) -> usize;

    /// Most memory that it takes beside the process.
    fn memory_bytes(&self, of: &Footprint<'_>) -> u64;

    /// Seconds of one of its units, about.
    fn seconds(&self, unit: PrepassUnit, of: &Time<'_>) -> f64;
}

/// A piece of a look at the dense model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrepassUnit {
    /// Summaries of the matrices of a block.
    Survey(usize),
    /// What each matrix alone costs the network.
    Probe,
    /// The matrices of a block at the levels of a search.
    Levels(usize),
    /// The levels that keep the model closest.
    Search,
}

impl PrepassUnit {
    /// What it is a piece of.
    pub fn of(self) -> &'static dyn Prepass {
        match self {
            Self::Survey(_) => &survey::Survey,
            Self::Probe => &probe::Probe,
            Self::Levels(_) | Self::Search => &search::Search,
        }
    }
}

/// All of them, in the order in which they run.
fn table() -> [&'static dyn Prepass; 3] {
    [&survey::Survey, &probe::Probe, &search::Search]
}

/// Those that a run does, in order.
pub(crate) fn planned(settings: &Settings, targets: &[Matrix]) -> Vec<&'static dyn Prepass> {
    let table = table().into_iter();
    table
        .filter(|prepass| prepass.runs(settings, targets))
        .collect()
}

/// Whether the schedule must know the model, and there is anything to spread.
pub(crate) fn spreads_by_losses(settings: &Settings) -> bool {
    settings.schedule.needs() > Knowledge::Nothing && settings.solving.sparsity > 0.0
}
