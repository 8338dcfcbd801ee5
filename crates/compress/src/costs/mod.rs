//! What parts of a run take, in memory and in time, foreseen from shapes, tokens and effort.

pub(crate) mod footprint;
pub(crate) mod groups;
pub(crate) mod time;
