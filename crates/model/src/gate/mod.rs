//! A gate before each block: it chooses the tokens that go through the block. The others pass it with their hidden state
//! unchanged, and the block's queries do not see them.
//!
//! A gate is one file and one row of [`table`]. [`Router`] does what all gates share: it gathers the kept tokens, runs the block on
//! them, puts the results back, and knows what attention each token received last.

mod decide;
mod dropped;
mod hidden;
mod mlp;
mod none;
mod pairs;
mod prompt_only;
mod random;
mod router;
mod shares;
mod stand_in;
mod standing;
mod static_rule;
mod view;

pub use decide::kept_by;
pub use dropped::{DroppedParts, Removal};
pub use hidden::{HiddenGate, HiddenRouter};
pub use mlp::{MlpGate, RouterWeights};
pub use none::NoGate;
pub use pairs::Pairs;
pub use prompt_only::PromptOnly;
pub use random::RandomGate;
pub use router::Router;
#[cfg(feature = "train")]
pub(crate) use router::{others, put, rows};
pub use shares::{Share, Shares};
pub use stand_in::{StandIn, StandInBlock};
#[cfg(feature = "train")]
pub(crate) use stand_in::{normalised, root_mean_square};
pub use standing::Standing;
pub use static_rule::{MaskGate, StaticGate};
pub use view::{FACTORS, Kept, Phase, View};

use std::sync::Arc;

/// Chooses the tokens that go through a block.
///
/// A gate decides by what it sees alone: the same view gives the same tokens, whatever the number of threads.
pub trait Gate: Send + Sync {
    /// Whether the gate reads [`View::standing`]. Attention is observed only for gates that do.
    fn watches_attention(&self) -> bool {
        false
    }

    /// Whether the gate is asked for attention and MLP of a block apart; otherwise once for the whole block.
    fn splits_blocks(&self) -> bool {
        false
    }

    /// Whether the first token of a sequence, on which much attention rests, and the last one of a prompt, which predicts what
    /// comes, go through every block whatever the gate says.
    fn keeps_ends(&self) -> bool {
        true
    }

    /// What tokens that skip a whole block get instead; `None`: they stay as they are.
    fn stand_in(&self) -> Option<&StandIn> {
        None
    }

    /// The tokens that go through the block, or the part of it.
    fn keep(&self, view: &View<'_>) -> Kept;
}

/// What a gate is made of.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Share of the tokens that goes through each block.
    pub shares: Shares,
    /// Same seed, same tokens.
    pub seed: u64,
    /// What the gate `mlp` has learned; `None`: nothing yet.
    pub weights: Option<Arc<RouterWeights>>,
    /// What the gate `hidden` has learned; `None`: nothing yet.
    pub hidden: Option<Arc<HiddenRouter>>,
    /// What tokens get that skip a block of a learned gate; `None`: nothing.
    pub stand_in: Option<Arc<StandIn>>,
    /// Whether a learned gate keeps its shares to the token.
    pub strict: bool,
}

/// One kind of gate.
pub struct Row {
    /// Its name.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it keeps the shares that it is given; otherwise it keeps all tokens.
    pub has_shares: bool,
    /// Whether it reads what was learned: [`Settings::weights`] or [`Settings::hidden`].
    pub learned: bool,
    /// Makes one.
    pub build: fn(&Settings) -> Box<dyn Gate>,
}

/// All kinds of gates.
pub fn table() -> &'static [Row] {
    const TABLE: &[Row] = &[
        none::ROW,
        static_rule::ROW,
        random::ROW,
        mlp::ROW,
        hidden::ROW,
    ];
    TABLE
}

/// The kind with this name.
pub fn by_id(id: &str) -> Option<&'static Row> {
    table().iter().find(|row| row.id == id)
}
