//! Q6_K: 128 bytes of low halves, 64 bytes of upper two bits, 16 signed scales, d. A block has two runs of 128 weights. 64 bytes
//! hold 64 codes in their low halves and the next 64 in their high halves; 32 bytes hold four times 32 pairs of upper bits. A
//! scale is for 16 weights. w = (d scale) (code - 32).

use super::half;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half(block, 208);
    for (group, weights) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] as i8);
        let (run, within) = (group / 8, group % 8 * 16);
        let low = &low[run * 64 + within % 64..];
        let high = &high[run * 32 + within % 32..];
        let (low_shift, high_shift) = (within / 64 * 4, within / 32 * 2);
        for (weight, (low, high)) in weights.iter_mut().zip(low.iter().zip(high)) {
            let code = low >> low_shift & 15 | (high >> high_shift & 3) << 4;
            *weight = scale * f32::from(code as i8 - 32);
        }
    }
}
