//! The plain form of each kernel, always compiled: the oracle of every instruction set.
