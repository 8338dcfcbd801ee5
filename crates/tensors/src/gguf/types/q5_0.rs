//! Q5_0: d, 4 bytes of fifth bits, 16 bytes of codes. w = d (code - 16).

use super::half;
use super::halves::five;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, high, codes) = (half(block, 0), &block[2..6], &block[6..]);
    for (at, weight) in out.iter_mut().enumerate() {
        *weight = d * (f32::from(five(codes, high, at)) - 16.0);
    }
}
