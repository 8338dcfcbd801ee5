//! Removing weights while learning: a way to do it is one file here and one row of [`table`].
//!
//! All rows share the schedule ([`Cubic`]) and the cut: every few steps the weights with the lowest scores of all candidate matrices
//! together become zero, exactly as many as the schedule says. What a row says is the score, the prior of the weights, and whether zeros may
//! come back before the last cut.

mod candidates;
mod cut;
mod dense;
mod gradual;
mod l2;
mod mgpp;
mod movement;
mod platon;
mod schedule;
mod state;

pub use candidates::candidates;
pub use cut::cut;
pub use schedule::Cubic;
pub use state::{Pruning, Ranking};

use crate::Prior;
use kerf_run::param::{Param, Params};

/// Where a training is when a row is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Share of the way from the first cut to the last, 0 to 1.
    pub done: f64,
    /// The highest learning rate of the training: about what a step of Adam moves a weight.
    pub step_size: f64,
    /// Number of examples to learn from.
    pub examples: f64,
}

/// A way to remove weights while learning.
pub trait Pruner: Sync {
    /// Stable id: the value of the option `method`.
    fn id(&self) -> &'static str;
    /// What it does, in one line.
    fn about(&self) -> &'static str;
    /// Parameters of its own.
    fn params(&self) -> &'static [Param] {
        &[]
    }
    /// Whether it removes weights.
    fn prunes(&self) -> bool {
        true
    }
    /// The prior of the candidates, whose gradient is added to that of the loss up to the last cut.
    fn prior(&self, _params: Params<'_>, _moment: Moment) -> Option<Prior> {
        None
    }
    /// What ranks the weights of candidate matrices of these sizes.
    fn ranking(&self, params: Params<'_>, sizes: &[usize]) -> Box<dyn Ranking>;
    /// Values beside each candidate weight that the ranking keeps.
    fn kept_values(&self) -> usize {
        0
    }
}

impl std::fmt::Debug for dyn Pruner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// All ways to remove weights. Each row runs through the battery of tests/pruners.rs.
pub fn table() -> &'static [&'static dyn Pruner] {
    &[
        &mgpp::Mgpp,
        &gradual::Gradual,
        &l2::L2,
        &movement::Movement,
        &platon::Platon,
        &dense::Dense,
    ]
}

/// The row with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Pruner> {
    table().iter().copied().find(|row| row.id() == id)
}

/// Ids of the table, in order.
pub fn ids() -> Vec<&'static str> {
    table().iter().map(|row| row.id()).collect()
}

/// Parameters of all rows, each once, in the order of the table.
pub fn all_params() -> Vec<&'static Param> {
    let mut all: Vec<&'static Param> = Vec::new();
    for param in table().iter().flat_map(|row| row.params()) {
        if !all.iter().any(|known| known.name == param.name) {
            all.push(param);
        }
    }
    all
}

/// Ids of the rows that have a parameter.
pub fn owners(param: &Param) -> Vec<&'static str> {
    let owners = table().iter().filter(|row| row.params().contains(param));
    owners.map(|row| row.id()).collect()
}

/// What a parameter is, its range, its default and its rows, as docs and help have it.
pub fn sentences(param: &Param) -> String {
    let owners: Vec<_> = owners(param).iter().map(|id| format!("`{id}`")).collect();
    let [_, default, _] = param.defaults;
    let (about, least, most) = (param.about, param.least, param.most);
    format!(
        "{about}, {least} to {most}. For method {}. Default {default}.",
        owners.join(", ")
    )
}
