//! Q4_K: d, dmin, 12 bytes of scales and minima, 128 bytes of codes. 32 bytes hold 32 codes in their low halves and the next 32
//! in their high halves. A group is 32 weights. w = (d scale) code - dmin minimum.

use super::half;
use super::k_scales::scale_and_minimum;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (half(block, 0), half(block, 2));
    let (scales, codes) = (&block[4..16], &block[16..]);
    for (group, weights) in out.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(scales, group);
        let (scale, minimum) = (d * f32::from(scale), dmin * f32::from(minimum));
        let (first, shift) = (group / 2 * 32, group % 2 * 4);
        for (weight, byte) in weights.iter_mut().zip(&codes[first..]) {
            *weight = scale * f32::from(byte >> shift & 15) - minimum;
        }
    }
}
