//! Bringing a matrix from one grid to another.

use crate::catalog::Catalog;
use crate::range::OutOfRange;
use crate::rounding::round_to_grid;
use crate::{Grid, QuantizedMatrix, Scales, TensorEntry, TensorsError, Values};
use kerf_kernels::Compute;

/// What changes when a matrix is brought to a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridChange {
    /// Nothing: the grid has every value of the matrix.
    Same,
    /// Codes stay. Scales are rounded to those of the grid.
    Scales,
    /// Every weight is rounded to the nearest value of the grid.
    Rounded,
}

/// What changes between the grids `from` and `to`, for rows of `cols` weights. Floats (`from` is `None`) are rounded.
pub fn grid_change(from: Option<Grid>, to: Grid, cols: usize) -> GridChange {
    let Some(from) = from else {
        return GridChange::Rounded;
    };
    let nested =
        from.groups(cols) <= 1 || from.group_cols(cols).is_multiple_of(to.group_cols(cols));
    let widened = matches!(
        (from.scales, to.scales),
        (
            Scales::Positive | Scales::Float5,
            Scales::Signed | Scales::F32Product
        ) | (Scales::Float5, Scales::Positive)
    );
    // No other grid has factors of columns.
    let factors = from.scales == Scales::Columns || to.scales == Scales::Columns;
    if factors || !nested || from.bits > to.bits {
        GridChange::Rounded
    } else if from.scales == to.scales || widened {
        GridChange::Same
    } else if from.scales == Scales::Signed {
        GridChange::Rounded
    } else {
        GridChange::Scales
    }
}

/// Reads a matrix on `grid`. It keeps its codes if they are on `grid` too; else it is rounded, and the second value says which weights
/// are out of the range of the grid.
pub(super) fn read_on_grid(
    compute: &Compute,
    catalog: &Catalog,
    entry: &TensorEntry,
    grid: Grid,
) -> Result<(QuantizedMatrix, Option<OutOfRange>), TensorsError> {
    if let Some(from) = entry.grid() {
        let matrix = catalog.read_matrix(compute, entry)?;
        if grid_change(Some(from), grid, matrix.cols) != GridChange::Rounded
            && let Some(matrix) = with_groups_of(matrix, grid)
        {
            return Ok((matrix, None));
        }
    }
    let values = catalog.read_finite(compute, entry)?;
    let (rows, cols) = (entry.shape[0], entry.shape[1]);
    let lost = grid.out_of_range(compute, &values, cols);
    Ok((
        round_to_grid(compute, &values, rows, cols, grid, None),
        lost,
    ))
}

/// Codes stay if no scale changes by a larger share than this. It is the relative distance between neighbours of the coarsest
/// scales.
const MOVED: f32 = 1.0 / 16.0;

/// The same codes with one scale for each group of `grid`. Each group of `grid` must lie inside one group of the matrix, and gets
/// that group's scale. `None` if `grid` has no scale near it, because the scale is too small or too large.
fn with_groups_of(matrix: QuantizedMatrix, grid: Grid) -> Option<QuantizedMatrix> {
    let (
        cols,
        Values::Codes {
            grid: from,
            codes,
            scales,
            ..
        },
    ) = (matrix.cols, matrix.values)
    else {
        unreachable!("floats are rounded")
    };
    let (own, step) = (from.groups(cols), from.group_cols(cols));
    let scale = |row: usize, group: usize| {
        let scale = scales[row * own + group * grid.group_cols(cols) / step];
        let nearest = grid.scales.nearest(scale);
        ((nearest - scale).abs() <= MOVED * scale.abs()).then_some(nearest)
    };
    let rows = 0..matrix.rows;
    let groups = grid.groups(cols);
    let scales = rows.flat_map(|row| (0..groups).map(move |group| (row, group)));
    let scales: Option<Vec<f32>> = scales.map(|(row, group)| scale(row, group)).collect();
    Some(QuantizedMatrix {
        values: Values::Codes {
            scales: scales?,
            grid,
            codes,
            columns: Vec::new(),
        },
        ..matrix
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_grid_holds_of_another() {
        let signed = Grid {
            scales: Scales::Signed,
            ..Grid::new(4, 32)
        };
        let bf16 = Grid {
            scales: Scales::Bf16Product,
            ..Grid::new(4, 128)
        };
        for (from, to, expected) in [
            (Grid::new(4, 128), signed, GridChange::Same),
            (Grid::new(4, 0), signed, GridChange::Same),
            (Grid::new(3, 64), Grid::new(8, 32), GridChange::Same),
            (Grid::new(4, 128), bf16, GridChange::Scales),
            (Grid::new(5, 128), signed, GridChange::Rounded),
            (Grid::new(4, 48), signed, GridChange::Rounded),
            (Grid::new(4, 32), Grid::new(4, 64), GridChange::Rounded),
            (signed, Grid::new(4, 32), GridChange::Rounded),
        ] {
            assert_eq!(
                grid_change(Some(from), to, 256),
                expected,
                "{from:?} to {to:?}"
            );
        }
        assert_eq!(grid_change(None, signed, 256), GridChange::Rounded);
        // A row shorter than a group is one group.
        assert_eq!(
            grid_change(Some(Grid::new(4, 128)), Grid::new(4, 0), 64),
            GridChange::Same
        );
    }
}
