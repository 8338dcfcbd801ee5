//! How the columns of a matrix are cut for the column loops.

use super::problem::Problem;
use crate::solve::pattern::Pattern;
use std::ops::Range;

/// Most columns of a block: the factor block and a row panel stay in the first and second level cache.
pub const BLOCK: usize = 128;

/// The blocks, in order.
pub fn blocks(problem: &Problem<'_>) -> impl Iterator<Item = Range<usize>> {
    let (cols, width) = (problem.cols, block_width(problem));
    (0..cols)
        .step_by(width)
        .map(move |start| start..(start + width).min(cols))
}

/// The largest multiple of group and N:M size that fits in [`BLOCK`], and in whole bytes of the mask.
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

/// The kernels count groups from the first column that they are given: columns that begin inside a group end with it.
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
