//! Blocks of 32 codes of four bits. Byte k has code k in its low half and code k + 16 in its high half. A fifth bit may be stored
//! elsewhere.

/// Code `at` of 32.
pub(super) fn nibble(packed: &[u8], at: usize) -> u8 {
    match at {
        0..16 => packed[at] & 15,
        _ => packed[at - 16] >> 4,
    }
}

/// Code `at` of 32 with a fifth bit, which is bit `at` of four little-endian bytes.
pub(super) fn five(packed: &[u8], high: &[u8], at: usize) -> u8 {
    nibble(packed, at) | (high[at / 8] >> (at % 8) & 1) << 4
}
