//! Q8_0: d, 32 signed bytes. w = d code.

use super::half;

pub(super) fn decode(block: &[u8], out: &mut [f32]) {
    let d = half(block, 0);
    for (weight, code) in out.iter_mut().zip(&block[2..]) {
        *weight = f32::from(*code as i8) * d;
    }
}
