//! Architectures: one file of data and one row each.
