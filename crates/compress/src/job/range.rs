//! Matrices whose weights are far from 1: they are solved as if they were near it, and stored as what holds them.

use super::Machine;
use crate::CompressError;
use crate::allocate::matrix::Matrix;
use crate::report::Repair;
use kerf_kernels::Compute;
use kerf_model::finite;
use kerf_tensors::range::{
    OutOfRange, exponent, floats_out_of_range, largest_on, times_power_of_two,
};
use kerf_tensors::{DType, Grid, QuantizedMatrix};
use std::borrow::Cow;

/// Exponents of the largest weight between which squares of weights, and sums of them, are ordinary f32.
const USUAL: std::ops::RangeInclusive<i32> = -40..=40;

/// The exponent of the power of two that brings the weights near 1; 0 for all that are usual.
pub(super) fn power(compute: &Compute, w: &[f32]) -> i32 {
    match largest_on(compute, w) {
        0.0 => 0,
        largest => match exponent(largest) {
            power if USUAL.contains(&power) => 0,
            power => power,
        },
    }
}

/// The weights times 2^power.
pub(super) fn times(w: &[f32], power: i32) -> Cow<'_, [f32]> {
    match power {
        0 => Cow::Borrowed(w),
        power => w.iter().map(|w| times_power_of_two(*w, power)).collect(),
    }
}

/// `NOT_FINITE` where rounding has brought weights beyond f32, which only the largest can be: those of a [`power`] above 0.
pub(super) fn check_rounded(
    machine: &Machine,
    matrix: &Matrix,
    power: i32,
    rounded: &QuantizedMatrix,
) -> Result<(), CompressError> {
    let compute = &machine.compute;
    if power <= 0 {
        return Ok(());
    }
    let (what, values) = (
        format!("rounded weights of {}", matrix.name),
        rounded.dequantize_on(compute),
    );
    let model = machine.catalog.folder.name();
    Ok(finite::check(compute, &what, &model, &values)?)
}

/// The grid or float type in which a matrix is stored: that of the plan, or f32 where that one does not hold the weights.
pub(super) fn stored_as(
    machine: &Machine,
    matrix: &Matrix,
    w: &[f32],
) -> (Option<Grid>, DType, Option<Repair>) {
    let found = match matrix.grid {
        Some(grid) => grid.out_of_range(&machine.compute, w, matrix.cols),
        None => floats_out_of_range(&machine.compute, matrix.float, w, matrix.cols),
    };
    let Some(OutOfRange { groups, .. }) = found else {
        return (matrix.grid, matrix.float, None);
    };
    let kept = found.is_some_and(|found| found.is_visible());
    let repair = Repair::OutOfRange {
        tensor: matrix.name.clone(),
        groups,
        kept,
    };
    match kept {
        true => (None, DType::F32, Some(repair)),
        false => (matrix.grid, matrix.float, Some(repair)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_moved_only_where_they_are_far_from_1_and_exactly() {
        let compute = Compute::new(None, 1).unwrap();
        assert_eq!(power(&compute, &[0.0; 5]), 0);
        assert_eq!(power(&compute, &[1e-7, -0.5, 1e6]), 0);
        let w = [3.0e-30f32, -1.0e-33];
        let moved = power(&compute, &w);
        let near = times(&w, -moved);
        assert!((1.0..2.0).contains(&near[0]));
        assert_eq!(*times(&near, moved), w);
        assert!(matches!(times(&w, 0), Cow::Borrowed(_)));
    }
}
