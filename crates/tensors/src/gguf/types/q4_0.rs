//! Q4_0: d, 16 bytes of codes. w = d (code - 8).

use super::half;
use super::halves::nibble;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, codes) = (half(block, 0), &block[2..]);
    for (at, weight) in out.iter_mut().enumerate() {
        *weight = d * (f32::from(nibble(codes, at)) - 8.0);
    }
}
