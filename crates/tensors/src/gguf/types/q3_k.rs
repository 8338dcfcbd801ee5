//! Q3_K: 32 bytes of third bits, 64 bytes of codes in the order of Q2_K, 12 bytes with 16 scales of six bits, d. If the third bit
//! is not set, 4 is subtracted from the code. w = (d (scale - 32)) code.

use super::half;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (high, codes, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half(block, 108);
    for (group, weights) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scale(scales, group) as i8 - 32);
        let (run, shift, first) = (group / 8 * 32, group % 8 / 2 * 2, group % 2 * 16);
        let bit = group / 2;
        let bytes = codes[run + first..].iter().zip(&high[first..]);
        for (weight, (byte, high)) in weights.iter_mut().zip(bytes) {
            let missing = 4 * (1 - (high >> bit & 1) as i8);
            *weight = scale * f32::from((byte >> shift & 3) as i8 - missing);
        }
    }
}

/// Scale `at` of 16: four low bits in the first eight bytes, two high ones in the last four.
fn scale(bytes: &[u8], at: usize) -> u8 {
    let low = bytes[at % 8] >> (at / 8 * 4) & 15;
    let high = bytes[8 + at % 4] >> (at / 4 * 2) & 3;
    low | high << 4
}
