//! No gate: all tokens go through all blocks.

use super::{Gate, Kept, Row, View};

pub(super) const ROW: Row = Row {
    id: "none",
    about: "All tokens go through all blocks.",
    has_shares: false,
    learned: false,
    build: |_| Box::new(NoGate),
};

/// Keeps all tokens.
#[derive(Clone, Copy, Debug)]
pub struct NoGate;

impl Gate for NoGate {
    fn keep(&self, _: &View<'_>) -> Kept {
        Kept::All
    }
}
