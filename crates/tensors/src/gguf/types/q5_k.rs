//! Q5_K: Q4_K with 32 bytes of fifth bits before the codes. Bit g of byte k is the fifth bit of weight k of group g.

use super::half;
use super::k_scales::scale_and_minimum;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (half(block, 0), half(block, 2));
    let (scales, high, codes) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, weights) in out.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(scales, group);
        let (scale, minimum) = (d * f32::from(scale), dmin * f32::from(minimum));
        let (first, shift) = (group / 2 * 32, group % 2 * 4);
        let bytes = codes[first..].iter().zip(high);
        for (weight, (byte, high)) in weights.iter_mut().zip(bytes) {
            let code = byte >> shift & 15 | (high >> group & 1) << 4;
            *weight = scale * f32::from(code) - minimum;
        }
    }
}
