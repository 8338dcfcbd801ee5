//! What the journal of a compression says of its units.

use crate::report::{LayerReport, Repair};
use serde::{Deserialize, Serialize};

/// Finished units of a compression: `solve:NAME`, `activations:BLOCK`, and the looks at the dense model.
pub type Journal = kerf_run::Journal<Findings>;
/// One of them.
pub type Record = kerf_run::Record<Findings>;

/// What was found while a unit was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// What the report says of it, if it is a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerReport>,
    /// Repairs it took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Repair>,
}
