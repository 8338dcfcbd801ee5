//! Weights outside the range of a narrow float type. A matrix whose weights are far from 1 can lose them in such a type.

use crate::float5::{exponent_of, power_of_two};
use crate::{DType, Grid, Scales};
use kerf_kernels::Compute;

/// The smallest positive f16.
const SMALLEST_F16: f32 = 1.0 / (1 << 24) as f32;
/// The largest f16.
const LARGEST_F16: f32 = 65504.0;
/// The smallest number from which on f16 has at least as many significant bits as bf16.
const FINE_F16: f32 = 1.0 / (1 << 17) as f32;
/// Number of rows in one task.
const PANEL_ROWS: usize = 64;
/// A loss is visible in the output of a matrix if it is more than this share of the sum of its squared weights.
const VISIBLE: f64 = 1e-6;

/// Groups of weights that a grid or a float type cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutOfRange {
    /// Number of groups.
    pub groups: usize,
    /// Sum of the squared weights of these groups, as a share of the sum over the matrix.
    pub share: f64,
    /// Largest absolute weight in these groups.
    pub largest: f32,
}

impl OutOfRange {
    /// Whether the loss of these groups changes the matrix visibly. A smaller loss is below the rounding error of any format.
    pub fn is_visible(&self) -> bool {
        self.share > VISIBLE
    }
}

impl Grid {
    /// The groups of the matrix `w` [rows, cols] whose weights the grid cannot hold with any of its scales. `None` if there are
    /// none. Only grids whose scales are `Positive` or `Signed` can have such groups.
    ///
    /// Cost: one pass over `w`.
    pub fn out_of_range(&self, compute: &Compute, w: &[f32], cols: usize) -> Option<OutOfRange> {
        match self.scales {
            Scales::Float5 | Scales::Columns | Scales::Bf16Product | Scales::F32Product => {
                return None;
            }
            // The weights of such a model are f16 values themselves, hence multiples of the smallest scale.
            Scales::F16Product => return None,
            Scales::Positive | Scales::Signed => {}
        }
        let range = self.range();
        let (hi, lo) = (f32::from(range.hi), -f32::from(range.lo));
        let fits = |largest: f32| largest / hi >= SMALLEST_F16 && largest / lo <= LARGEST_F16;
        out_of(compute, w, cols, self.group_cols(cols), fits)
    }
}

/// The rows of the matrix `w` [rows, cols] that do not fit in `dtype`, or that lose more precision in it than in bf16. `None` if
/// there are none. Only F16 can have such rows.
///
/// Cost: one pass over `w`.
pub fn floats_out_of_range(
    compute: &Compute,
    dtype: DType,
    w: &[f32],
    cols: usize,
) -> Option<OutOfRange> {
    let fits = |largest: f32| (FINE_F16..=LARGEST_F16).contains(&largest);
    match dtype {
        DType::F16 => out_of(compute, w, cols, cols, fits),
        _ => None,
    }
}

fn out_of(
    compute: &Compute,
    w: &[f32],
    cols: usize,
    group_cols: usize,
    fits: impl Fn(f32) -> bool + Sync,
) -> Option<OutOfRange> {
    let panel = PANEL_ROWS * cols.max(1);
    let parts = compute.pool.map(w.len().div_ceil(panel), |index| {
        let panel = &w[index * panel..w.len().min((index + 1) * panel)];
        let (mut out, mut all) = (OutOfRange::default(), 0.0);
        for group in panel
            .chunks(cols.max(1))
            .flat_map(|row| row.chunks(group_cols.max(1)))
        {
            let squares: f64 = group.iter().map(|w| f64::from(*w) * f64::from(*w)).sum();
            let largest = largest_of(group);
            all += squares;
            if largest > 0.0 && !fits(largest) {
                out.groups += 1;
                out.share += squares;
                out.largest = out.largest.max(largest);
            }
        }
        (out, all)
    });
    let all: f64 = parts.iter().map(|(_, all)| all).sum();
    let sum = parts
        .iter()
        .fold(OutOfRange::default(), |sum, (part, _)| OutOfRange {
            groups: sum.groups + part.groups,
            share: sum.share + part.share,
            largest: sum.largest.max(part.largest),
        });
    let share = sum.share / all.max(f64::MIN_POSITIVE);
    (sum.groups > 0).then_some(OutOfRange { share, ..sum })
}

/// Largest absolute value. NaN is ignored.
pub fn largest_of(w: &[f32]) -> f32 {
    w.iter().fold(0.0, |largest: f32, w| largest.max(w.abs()))
}

/// [`largest_of`] of a long slice, computed in parallel.
pub fn largest_on(compute: &Compute, w: &[f32]) -> f32 {
    const PIECE: usize = 1 << 16;
    let pieces = compute.pool.map(w.len().div_ceil(PIECE), |index| {
        largest_of(&w[index * PIECE..w.len().min((index + 1) * PIECE)])
    });
    pieces.into_iter().fold(0.0, f32::max)
}

/// Exponent of the largest power of two that is not above a positive number.
pub fn exponent(number: f32) -> i32 {
    exponent_of(f64::from(number))
}

/// `number` * 2^exponent. The result is exact unless it leaves the range of f32. The exponent must be in -300..=300.
pub fn times_power_of_two(number: f32, exponent: i32) -> f32 {
    (f64::from(number) * power_of_two(exponent)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_no_scale_of_f16_holds_are_counted() {
        let compute = Compute::new(None, 1).unwrap();
        let grid = Grid {
            scales: Scales::Signed,
            ..Grid::new(4, 32)
        };
        let mut w = vec![0.05f32; 4 * 64];
        assert_eq!(grid.out_of_range(&compute, &w, 64), None);
        w[..32].fill(1e-7);
        w[64..128].fill(0.0);
        let some = grid.out_of_range(&compute, &w, 64).unwrap();
        assert_eq!((some.groups, some.largest), (1, 1e-7));
        assert!(!some.is_visible());
        let all = grid.out_of_range(&compute, &[1e-7; 64], 64).unwrap();
        assert!(all.groups == 2 && all.is_visible());
        let large = grid.out_of_range(&compute, &[1e7; 64], 64).unwrap();
        assert!(large.is_visible());
        let wide = Grid {
            scales: Scales::Bf16Product,
            ..grid
        };
        assert_eq!(wide.out_of_range(&compute, &[1e-30; 64], 64), None);
    }

    #[test]
    fn f16_holds_neither_what_is_small_nor_what_is_large() {
        let compute = Compute::new(None, 1).unwrap();
        let of = |value: f32| floats_out_of_range(&compute, DType::F16, &[value; 64], 64);
        assert_eq!(of(1e-3), None);
        assert!(of(1e-6).unwrap().is_visible() && of(1e5).unwrap().is_visible());
        assert_eq!(
            floats_out_of_range(&compute, DType::BF16, &[1e-30; 64], 64),
            None
        );
    }
}
