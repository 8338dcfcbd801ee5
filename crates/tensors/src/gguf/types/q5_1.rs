//! Q5_1: d, m, 4 bytes of fifth bits, 16 bytes of codes. w = d code + m.

use super::half;
use super::halves::five;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    let (high, codes) = (&block[4..8], &block[8..]);
    for (at, weight) in out.iter_mut().enumerate() {
        *weight = d * f32::from(five(codes, high, at)) + m;
    }
}
