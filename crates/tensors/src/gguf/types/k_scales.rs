//! The twelve bytes of Q4_K and Q5_K: eight scales and eight minima of six bits.

/// Scale and minimum of group `at` of 8. For groups 4 to 7 the low bits are in the last four bytes, and the upper two bits in the
/// first eight.
pub(super) fn scale_and_minimum(bytes: &[u8], at: usize) -> (u8, u8) {
    match at {
        0..4 => (bytes[at] & 63, bytes[at + 4] & 63),
        _ => {
            let low = bytes[at + 4];
            (
                low & 15 | bytes[at - 4] >> 6 << 4,
                low >> 4 | bytes[at] >> 6 << 4,
            )
        }
    }
}
