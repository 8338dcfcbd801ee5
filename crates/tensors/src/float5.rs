//! The scales of kerf's own grid: floats with five significant bits, which gives 16 scales in each octave. A container stores the
//! index of a scale.
//!
//! The usual scales are `m * 2^s * 2^-24` with m below 32. They have the indices 0..=591, in rising order, and each is exact in
//! f16. Neighbouring scales differ by 3 to 6 %. That is finer than the candidates of a fit, whose error is flat around its
//! minimum. Neighbouring rows have similar scales, so an index takes about 4.5 bits after entropy coding.
//!
//! The other scales cover the range of f32, also with five significant bits. Their indices follow those of the usual scales. A
//! matrix needs them where its weights are as small as 1e-7, or larger than the weights of any known model.

/// Number of usual scales, zero included. The largest is 31 * 2^11, the last five-bit float in the range of f16.
pub(crate) const USUAL: usize = 592;
/// Number of all indices. The indices of the other scales run through all octaves of f32. Where such an index means a usual
/// scale, the index of the usual scale is the one that is stored.
pub(crate) const ALL: usize = USUAL + OCTAVES * STEPS as usize;
/// Number of scales in an octave.
const STEPS: u64 = 16;
/// Octaves of the other scales: all octaves of normal f32.
const OCTAVES: usize = 254;
/// The binary exponent of the first of these octaves.
const LEAST: i32 = -126;
/// Factor that turns a scale into a multiple of the smallest usual scale, 2^-24 (the smallest positive f16).
const UNIT: f64 = (1u64 << 24) as f64;

/// The scale of an index. The index must be below [`ALL`].
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

/// Index of the scale nearest to a number. A positive number never gets index 0: it gets at least the smallest positive scale.
/// Zero, negative numbers and NaN get index 0.
pub(crate) fn nearest(scale: f32) -> u16 {
    if scale.is_nan() || scale <= 0.0 {
        return 0;
    }
    let scale = f64::from(scale).clamp(power_of_two(LEAST), f64::from(f32::MAX));
    let octave = exponent_of(scale);
    let steps = (scale / power_of_two(octave - 4)).round_ties_even() as u64;
    at((octave - LEAST) as u64 * STEPS + (steps - STEPS))
}

/// The largest scale that is not above a positive number, and the scale after it.
pub(crate) fn around(number: f32) -> [f32; 2] {
    let number = f64::from(number).clamp(power_of_two(LEAST), f64::from(f32::MAX));
    let octave = exponent_of(number);
    let steps = (number / power_of_two(octave - 4)) as u64;
    let below = (octave - LEAST) as u64 * STEPS + (steps - STEPS);
    [below, below + 1].map(|step| scale(at(step)))
}

/// The index of the scale that stands `step` places above the smallest of the other scales.
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

/// 2^exponent. The exponent must be that of a normal f64.
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
