//! The scales of kerf's own grid: numbers with five significant bits, that is 16 steps an octave.
//!
//! The usual scales are `m * 2^s * 2^-24` with m below 32: all of them are f16 values, and the order of the numbers is that of their
//! indices 0..=591, which are what is stored. A step of 3 % is finer than the candidates of a fit, of which the least error is
//! flat; and as neighbouring rows have similar scales, an index takes some 4.5 bits after entropy coding.
//!
//! The others have five significant bits as well, as small and as large as f32: their indices follow. A matrix has them
//! where its weights are as small as 1e-7, or larger than any model's.

/// Number of usual scales, zero included: up to 31 * 2^11, the largest below the end of f16.
pub(crate) const USUAL: usize = 592;
/// Number of all indices. Those of the others run through all octaves; where they meet a usual scale, that one's index is taken.
pub(crate) const ALL: usize = USUAL + OCTAVES * STEPS as usize;
/// Steps in an octave.
const STEPS: u64 = 16;
/// Octaves of the others: those of f32.
const OCTAVES: usize = 254;
/// The exponent of the first of them.
const LEAST: i32 = -126;
/// The smallest usual scale is 2^-24, as in f16.
const UNIT: f64 = (1u64 << 24) as f64;

/// The scale of an index below [`ALL`].
pub(crate) fn scale(index: u16) -> f32 {
    let index = u64::from(index);
    if let Some(other) = index.checked_sub(USUAL as u64) {
        let octave = (other / STEPS) as i32 + LEAST;
        return ((STEPS + other % STEPS) as f64 * power_of_two(octave - 4)) as f32;
    }
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
    let scale = f64::from(scale).clamp(power_of_two(LEAST), f64::from(f32::MAX));
    let octave = exponent_of(scale);
    let steps = (scale / power_of_two(octave - 4)).round_ties_even() as u64;
    at((octave - LEAST) as u64 * STEPS + (steps - STEPS))
}

/// The largest scale that is not above a positive number, and the next.
pub(crate) fn around(number: f32) -> [f32; 2] {
    let number = f64::from(number).clamp(power_of_two(LEAST), f64::from(f32::MAX));
    let octave = exponent_of(number);
    let steps = (number / power_of_two(octave - 4)) as u64;
    let below = (octave - LEAST) as u64 * STEPS + (steps - STEPS);
    [below, below + 1].map(|step| scale(at(step)))
}

/// The index of the scale that is so many steps above the smallest of all.
fn at(step: u64) -> u16 {
    let step = step.min(OCTAVES as u64 * STEPS - 1);
    let units =
        (STEPS + step % STEPS) as f64 * power_of_two((step / STEPS) as i32 + LEAST - 4) * UNIT;
    let is_usual = units.fract() == 0.0 && units <= f64::from(scale(USUAL as u16 - 1)) * UNIT;
    if !is_usual {
        return USUAL as u16 + step as u16;
    }
    let units = units as u64;
    let octave = (units / STEPS).max(1).ilog2();
    (u64::from(octave) * STEPS + (units >> octave)) as u16
}

/// 2^exponent, for exponents of normal numbers.
pub(crate) fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// The exponent of a positive normal number.
pub(crate) fn exponent_of(number: f64) -> i32 {
    (number.to_bits() >> 52) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    #[test]
    fn every_usual_scale_is_its_own_nearest_and_exact_in_f16() {
        let mut last = -1.0;
        for index in 0..USUAL as u16 {
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
    fn every_other_scale_is_its_own_nearest_unless_it_is_usual() {
        let mut last = 0.0;
        for index in USUAL as u16..ALL as u16 {
            let scale = scale(index);
            assert!(scale > last && scale.is_normal());
            let own = nearest(scale);
            assert_eq!(super::scale(own), scale);
            assert_eq!(
                own == index,
                f16::from_f32(scale).to_f32() != scale,
                "{scale}"
            );
            assert_eq!(half::bf16::from_f32(scale).to_f32(), scale);
            last = scale;
        }
        assert_eq!(last, 31.0 * 2f32.powi(123));
    }

    #[test]
    fn any_number_has_a_nearest() {
        for number in [0.0, -1.0, f32::NAN, -0.0] {
            assert_eq!(nearest(number), 0);
        }
        assert_eq!(scale(nearest(1e-42)), 2f32.powi(-126));
        assert_eq!(usize::from(nearest(f32::INFINITY)), ALL - 1);
        assert_eq!(scale(nearest(65504.0)), 65536.0);
        let mut number = 1e-36f32;
        while number < 1e37 {
            let nearest = scale(nearest(number));
            let [below, above] = around(number);
            assert!(below <= number && number < above, "{number}");
            assert!(above <= below * 17.0 / 16.0, "{number}");
            let error = (nearest - number).abs();
            assert!(
                error <= number - below && error <= above - number,
                "{number}"
            );
            number *= 1.003;
        }
    }
}
