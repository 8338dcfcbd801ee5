//! Entropy coding of small integers: range asymmetric numeral systems (rANS; Duda, 1311.2540) with a static table, 32-bit
//! states, 16-bit words and eight interleaved lanes (Giesen, 1402.3392).
//!
//! A stream consists of the eight states that a decoder begins with, and of the words that it reads one after the other. Symbol i
//! of a stream belongs to lane i % 8. A decoder must end with every state at [`LOW`] and no word left. That check finds a stream
//! that is cut off or misaligned. It does not find every flipped bit, because a stream without redundancy turns into another
//! valid stream.
//!
//! [`reference`] is the plain coder; [`encode`] and [`decode`] make and read the same bytes faster.

pub(crate) mod decode;
pub(crate) mod encode;
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod reference;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use table::Table;

/// Number of interleaved states.
pub(crate) const LANES: usize = 8;
/// The smallest state. An encoder begins with it and a decoder ends with it.
pub(crate) const LOW: u32 = 1 << 16;
/// Bytes of a stream that has no words.
pub(crate) const STATE_BYTES: usize = LANES * 4;
