//! IQ4_NL: scale d, then 16 bytes of codes in the order of Q4_0. Each code is the index of a level. w = d level.

use super::half;
use super::halves::nibble;

pub(super) const LEVELS: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let (d, codes) = (half(block, 0), &block[2..]);
    for (at, weight) in out.iter_mut().enumerate() {
        *weight = d * f32::from(LEVELS[usize::from(nibble(codes, at))]);
    }
}
