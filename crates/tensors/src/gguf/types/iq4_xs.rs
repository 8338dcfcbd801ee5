//! IQ4_XS: scale d, two bytes with the upper and four with the lower bits of eight scales, 128 bytes of codes. It has eight
//! blocks like those of IQ4_NL, with scales of six bits. w = (d (scale - 32)) level.

use super::half;
use super::halves::nibble;
use super::iq4_nl::LEVELS;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let d = half(block, 0);
    let high = u16::from_le_bytes([block[2], block[3]]);
    let (low, codes) = (&block[4..8], &block[8..]);
    for (group, weights) in out.chunks_exact_mut(32).enumerate() {
        let low = low[group / 2] >> (group % 2 * 4) & 15;
        let scale = low | ((high >> (2 * group) & 3) as u8) << 4;
        let scale = d * f32::from(scale as i8 - 32);
        let codes = &codes[group * 16..];
        for (at, weight) in weights.iter_mut().enumerate() {
            *weight = scale * f32::from(LEVELS[usize::from(nibble(codes, at))]);
        }
    }
}
