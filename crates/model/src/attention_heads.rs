//! Shape of the heads of attention, and which keys a query sees.

use crate::distance::DistanceTable;
use crate::layers::Reach;
use crate::positions::Positions;
use std::ops::Range;

/// Shape of the heads, and what they see.
pub(crate) struct Heads<'a> {
    pub heads: usize,
    pub kv_heads: usize,
    pub dim: usize,
    pub causal: bool,
    /// Factor on scores.
    pub scale: f32,
    /// Soft cap of scores.
    pub cap: Option<f32>,
    /// How far a token sees; `None`: all that `causal` lets it.
    pub reach: Option<Reach>,
    /// What is added to scores.
    pub distance: Option<&'a DistanceTable>,
}

impl Heads<'_> {
    /// Width of all query heads, and of all key heads.
    pub fn widths(&self) -> (usize, usize) {
        (self.heads * self.dim, self.kv_heads * self.dim)
    }

    /// Places of the keys that a query at `position` sees.
    pub fn visible(&self, position: usize, keys: Positions<'_>) -> Range<usize> {
        let end = match self.causal {
            true => keys.before(position + 1),
            false => keys.len(),
        };
        match self.reach {
            None => 0..end,
            Some(reach) => {
                let last = position.saturating_add(reach.after + 1);
                keys.before(position.saturating_sub(reach.before))..end.min(keys.before(last))
            }
        }
    }
}
