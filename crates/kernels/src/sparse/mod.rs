//! The product x W^T for weights that are mostly zero, as in a pruned model.
//!
//! The vector lanes are tokens. A tile of [`TILE`] tokens is transposed once. Then every nonzero weight is one broadcast, and one
//! multiply-add on each vector of its column. The weights are stored in panels of [`PANEL`] rows, and inside a panel in blocks of
//! [`BLOCK`] columns. The block of the tile then stays in the first-level cache, and the sums of the panel stay in the
//! second-level cache.
//!
//! Each result is one running sum over the nonzeros of its row, in the order of their columns. It depends neither on the number
//! of threads nor on the other tokens: a token alone gives the same bytes as in any batch.

mod matrix;
mod product;

pub use matrix::SparseMatrix;
pub(crate) use matrix::{BLOCK, LEAST_ZEROS, PANEL, Panel, Span};

/// Number of tokens in a tile.
pub(crate) const TILE: usize = 64;
