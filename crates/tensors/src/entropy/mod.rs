//! Entropy coding of small integers: range asymmetric numeral systems (rANS; Duda, 1311.2540) with a static table, 32-bit
//! states, 16-bit words and eight interleaved lanes (Giesen, 1402.3392).
//!
//! A stream is the eight states that a decoder begins with, and the words that it takes one after the other. Symbol i of a
//! stream belongs to lane i % 8. A decoder ends with every state at [`LOW`] and no word left: what is cut
//! off or out of step is found (a flipped bit of a stream without redundancy is another stream).
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

/// Interleaved states.
pub(crate) const LANES: usize = 8;
/// The smallest state, with which an encoder begins and a decoder ends.
pub(crate) const LOW: u32 = 1 << 16;
/// Bytes of a stream without words.
pub(crate) const STATE_BYTES: usize = LANES * 4;
