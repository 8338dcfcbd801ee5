//! Cuts the columns of a matrix into blocks for the column loops.

use super::problem::Problem;
use crate::solve::pattern::Pattern;
use std::ops::Range;

/// Most columns of a block. The block of the factor and a row panel then stay in the first- and second-level cache.
pub const BLOCK: usize = 128;

/// The blocks of columns, in order.
pub fn blocks(problem: &Problem<'_>) -> impl Iterator<Item = Range<usize>> {
    let (cols, width) = (problem.cols, block_width(problem));
    (0..cols)
        .step_by(width)
        .map(move |start| start..(start + width).min(cols))
}

/// Columns of a block: the largest number up to [`BLOCK`] that is a multiple of 8 (whole bytes of the mask), of M in N:M, and of
/// the group. A group that is longer than [`BLOCK`] or no multiple of 8 is ignored.
pub fn block_width(problem: &Problem<'_>) -> usize {
    let group = problem.grid.map_or(8, |grid| grid.group_cols(problem.cols));
    let m = if let Pattern::Nm { m, .. } = problem.pattern {
        m.max(8)
    } else {
        8
    };
    let unit = if group <= BLOCK && group.is_multiple_of(8) {
        lcm(group, m)
    } else {
        m
    };
    if unit > BLOCK {
        BLOCK
    } else {
        BLOCK / unit * unit
    }
}

/// Splits `columns` at the end of the group in which they begin, if they begin inside of a group. The kernels count groups from
/// the first column that they get.
pub fn at_groups(columns: Range<usize>, group: usize) -> impl Iterator<Item = Range<usize>> {
    let inside = columns.start % group;
    let border = match inside {
        0 => columns.end,
        _ => (columns.start - inside + group).min(columns.end),
    };
    [columns.start..border, border..columns.end]
        .into_iter()
        .filter(|part| !part.is_empty())
}

fn lcm(a: usize, b: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    a / gcd(a, b) * b
}
