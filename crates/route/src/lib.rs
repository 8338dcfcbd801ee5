//! Which tokens a model skips, and what that costs: a searched schedule over the blocks, pruning by depth to compare with, and
//! measures that do not look ahead. It knows token ids, not text. Gates and the runtime are in `kerf_model::gate`.

mod error;
mod folder;
mod influence;
mod kept;
#[cfg(feature = "train")]
mod learning;
mod measure;
mod part_pruning;
mod passage;
mod schedule;
mod search;
mod text;

pub use error::RouteError;
pub use folder::{CARD_FILE, SavedRouter, WEIGHTS_FILE};
pub use influence::{by_influence, influences};
pub use kept::kept_tokens;
#[cfg(feature = "train")]
pub use learning::{
    Learned, LearnedHiddenRouter, LearnedRouter, RouterPoint, RouterTraining,
    RouterTrainingOptions, start_of_router,
};
pub use measure::{Measured, accuracy_kept, measure, preferred_share, prefill_seconds};
pub use part_pruning::{PartPruning, Pruned};
pub use schedule::{LEVELS, Levels, Schedule};
pub use search::{GateOf, Search, SearchOptions};
pub use text::{OnText, measure_text};
