//! Q2_K: 16 bytes of scales and minima of four bits, 64 bytes of codes, d, dmin. Two runs of 128 weights; of each, 32 bytes hold four
//! times 32 codes, from the low bits up. A group is 16 weights. w = (d scale) code - dmin minimum.

use super::half;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half(block, 80), half(block, 82));
    for (group, weights) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] & 15);
        let minimum = dmin * f32::from(scales[group] >> 4);
        // Groups 2k and 2k + 1 share bits of 32 bytes.
        let (run, shift, first) = (group / 8 * 32, group % 8 / 2 * 2, group % 2 * 16);
        let codes = &codes[run + first..][..16];
        for (weight, byte) in weights.iter_mut().zip(codes) {
            *weight = scale * f32::from(byte >> shift & 3) - minimum;
        }
    }
}
