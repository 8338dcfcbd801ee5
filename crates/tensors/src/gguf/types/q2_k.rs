//! Q2_K: 16 bytes of scales and minima of four bits each, 64 bytes of codes, d, dmin. A block has two runs of 128 weights. The 32
//! bytes of a run hold four times 32 codes, beginning with the low bits. A group is 16 weights. w = (d scale) code - dmin
//! minimum.

use super::half;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half(block, 80), half(block, 82));
    for (group, weights) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] & 15);
        let minimum = dmin * f32::from(scales[group] >> 4);
        // Groups 2k and 2k + 1 share the same bits of 32 bytes.
        let (run, shift, first) = (group / 8 * 32, group % 8 / 2 * 2, group % 2 * 16);
        let codes = &codes[run + first..][..16];
        for (weight, byte) in weights.iter_mut().zip(codes) {
            *weight = scale * f32::from(byte >> shift & 3) - minimum;
        }
    }
}
