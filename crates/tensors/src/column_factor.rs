//! The factors of columns: floats with three significant bits, which gives 4 in each octave. A container stores the index of a
//! factor, 0..=255.
//!
//! A step that is off by a tenth costs about a hundredth more error at the same rate, so finer factors would not pay for their
//! bits. Products of a code, a scale with five significant bits and a factor are exact in f32.

use crate::float5::{exponent_of, power_of_two};

/// Number of factors in an octave.
const STEPS: i32 = 4;
/// The binary exponent of the smallest factor.
const LEAST: i32 = -32;

/// The factor of an index.
pub(crate) fn factor(index: u8) -> f32 {
    let index = i32::from(index);
    let units = f64::from(STEPS + index % STEPS);
    (units * power_of_two(index / STEPS + LEAST - 2)) as f32
}

/// Index of the factor nearest to a number. Numbers outside of the range, and NaN, get the index at its end.
pub(crate) fn index(number: f32) -> u8 {
    let [least, most] = [factor(0), factor(u8::MAX)].map(f64::from);
    let number = f64::from(number);
    if number.is_nan() || number <= least {
        return 0;
    }
    let number = number.min(most);
    let octave = exponent_of(number);
    let steps = (number / power_of_two(octave - 2)).round_ties_even() as i32;
    ((octave - LEAST) * STEPS + steps - STEPS).min(255) as u8
}

/// The factor of a column nearest to a number.
pub fn nearest_column_factor(number: f32) -> f32 {
    factor(index(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_factor_has_its_index() {
        for at in 0..=255 {
            assert_eq!(index(factor(at)), at);
        }
        assert_eq!(nearest_column_factor(1.0), 1.0);
        assert_eq!(nearest_column_factor(1.1), 1.0);
        assert_eq!(nearest_column_factor(1.2), 1.25);
        assert_eq!(nearest_column_factor(0.95), 1.0);
        assert_eq!(
            (index(0.0), index(f32::NAN), index(f32::INFINITY)),
            (0, 0, 255)
        );
    }
}
