//! The scales of kerf's own grid: numbers with five significant bits, that is 16 steps an octave.
//!
//! A scale is `m * 2^s * 2^-24` with m below 32: all of them are f16 values, and the order of the numbers is that of their
//! indices 0..=591, which are what is stored. A step of 3 % is finer than the candidates of a fit, of which the least error is
//! flat; and as neighbouring rows have similar scales, an index takes some 4.5 bits after entropy coding.

/// Number of scales, zero included: up to 31 * 2^11, the largest below the end of f16.
pub(crate) const SCALES: usize = 592;
/// Steps in an octave.
const STEPS: u64 = 16;
/// The smallest positive scale is 2^-24, as in f16.
const UNIT: f64 = (1u64 << 24) as f64;

/// The scale of an index below [`SCALES`].
pub(crate) fn scale(index: u16) -> f32 {
    let index = u64::from(index);
    let units = match index / STEPS {
        0 => index,
        octave => (STEPS + index % STEPS) << (octave - 1),
    };
    (units as f64 / UNIT) as f32
}

/// Index of the nearest scale; of the smallest that is positive for what is positive.
pub(crate) fn nearest(scale: f32) -> u16 {
    if scale.is_nan() || scale <= 0.0 {
        return 0;
    }
    // Far above the largest scale, and far below the largest integer.
    let units = (f64::from(scale) * UNIT).min(1e15);
    let octave = (units as u64 / STEPS).max(1).ilog2();
    let steps = (units / (1u64 << octave) as f64).round_ties_even() as u64;
    let index = u64::from(octave) * STEPS + steps;
    index.clamp(1, SCALES as u64 - 1) as u16
}

/// The largest scale that is not above a positive number, and the next.
pub(crate) fn around(number: f32) -> [f32; 2] {
    let near = nearest(number);
    let below = if scale(near) > number { near - 1 } else { near };
    [below.max(1), (below + 1).min(SCALES as u16 - 1)].map(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    #[test]
    fn every_scale_is_its_own_nearest_and_exact_in_f16() {
        let mut last = -1.0;
        for index in 0..SCALES as u16 {
            let scale = scale(index);
            assert_eq!(nearest(scale), index);
            assert_eq!(f16::from_f32(scale).to_f32(), scale);
            assert!(
                scale > last && (scale <= 20.0 / (1 << 24) as f32 || scale <= last * 17.0 / 16.0)
            );
            last = scale;
        }
        assert_eq!(last, 63488.0);
    }

    #[test]
    fn any_number_has_a_nearest() {
        for number in [0.0, -1.0, f32::NAN, -0.0] {
            assert_eq!(nearest(number), 0);
        }
        assert_eq!(nearest(1e-30), 1);
        assert_eq!(nearest(f32::INFINITY), 591);
        assert_eq!(nearest(65504.0), 591);
        let mut number = 1e-6f32;
        while number < 6e4 {
            let at = nearest(number);
            let error = |at: u16| (scale(at) - number).abs();
            assert!(
                error(at) <= error(at - 1) && error(at) <= error(at + 1),
                "{number}"
            );
            let [below, above] = around(number);
            assert!(below <= number && number < above, "{number}");
            number *= 1.003;
        }
    }
}
