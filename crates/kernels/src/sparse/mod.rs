//! x W^T for weights that are mostly zeros, which is what a pruned model computes.
//!
//! Tokens are the lanes: a tile of [`TILE`] tokens is transposed once, and then every nonzero weight is one broadcast
//! and one multiply-add on each vector of its column. Weights lie in panels of [`PANEL`] rows, in those by blocks of
//! [`BLOCK`] columns, so that the block of the tile stays in the first cache and the sums of the panel in the second.
//!
//! A result is one running sum over the nonzeros of its row in the order of their columns. It depends neither on the
//! thread count nor on the other tokens: one token alone gives the same bytes as in any batch.

mod matrix;
mod product;

pub use matrix::SparseMatrix;
pub(crate) use matrix::{BLOCK, PANEL, Panel, Span};

/// Tokens of a tile.
pub(crate) const TILE: usize = 64;
