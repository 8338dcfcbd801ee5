//! A gate before each block: it chooses the tokens that go through the block. The others pass it with their hidden state
//! unchanged, and the block's queries do not see them.
//!
//! A gate is one file and one row of [`table`]. [`Router`] does what all gates share: it gathers the kept tokens, runs the block on
//! them, and puts the results back.

mod none;
mod random;
mod router;
mod shares;
mod static_rule;

pub use none::NoGate;
pub use random::RandomGate;
pub use router::Router;
pub use shares::{Share, Shares};
pub use static_rule::{MaskGate, StaticGate};

use crate::Batch;

/// Chooses the tokens that go through a block.
///
/// A gate decides by what it sees alone: the same view gives the same tokens, whatever the number of threads.
pub trait Gate: Send + Sync {
    /// Whether the gate reads [`View::received`]. Attention is observed only for gates that do.
    fn watches_attention(&self) -> bool {
        false
    }

    /// The tokens that go through the block.
    fn keep(&self, view: &View<'_>) -> Kept;
}

/// What a gate sees before a block.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Number of the block, from 0.
    pub block: usize,
    /// The tokens that arrive, with their true positions. With a cache these are the new tokens of the one sequence.
    pub batch: &'a Batch,
    /// Attention that each token received in the last block that it went through: probabilities summed over all heads, and over
    /// the queries of this batch. 0 for a token that went through no block yet. Empty for a gate that does not watch attention.
    pub received: &'a [f64],
}

/// Tokens that go through a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of them.
    All,
    /// Those at these places of the batch, which ascend. None is allowed.
    Places(Vec<usize>),
}

impl Kept {
    /// The places for which `keeps` holds, which gets the index of the sequence and the place of the token in the batch.
    pub(crate) fn by(batch: &Batch, mut keeps: impl FnMut(usize, usize) -> bool) -> Self {
        let mut places = Vec::new();
        for sequence in 0..batch.sequences() {
            for place in batch.starts[sequence]..batch.starts[sequence + 1] {
                if keeps(sequence, place) {
                    places.push(place);
                }
            }
        }
        Self::Places(places)
    }
}

/// What a gate is made of.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Share of the tokens that goes through each block.
    pub shares: Shares,
    /// Same seed, same tokens.
    pub seed: u64,
}

/// One kind of gate.
pub struct Row {
    /// Its name.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it keeps the shares that it is given; otherwise it keeps all tokens.
    pub has_shares: bool,
    /// Makes one.
    pub build: fn(&Settings) -> Box<dyn Gate>,
}

/// All kinds of gates.
pub fn table() -> &'static [Row] {
    const TABLE: &[Row] = &[none::ROW, static_rule::ROW, random::ROW];
    TABLE
}

/// The kind with this name.
pub fn by_id(id: &str) -> Option<&'static Row> {
    table().iter().find(|row| row.id == id)
}
