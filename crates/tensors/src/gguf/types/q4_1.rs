//! Q4_1: d, m, 16 bytes of codes. w = d code + m.

use super::half;
use super::halves::nibble;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, m, codes) = (half(block, 0), half(block, 2), &block[4..]);
    for (at, weight) in out.iter_mut().enumerate() {
        *weight = d * f32::from(nibble(codes, at)) + m;
    }
}
