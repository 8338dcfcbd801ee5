//! Reverses the order of rows and columns in place.

use super::tile::Tile;
use crate::Pool;

const BLOCK: usize = 64;

/// Mirrors the lower triangle at the antidiagonal. For a symmetric matrix this reverses the order of its rows and columns.
pub(super) fn reverse_symmetric(pool: &Pool, h: Tile<'_>) {
    let n = h.rows;
    pool.run(n.div_ceil(BLOCK), |block| {
        let (top, bottom) = (block * BLOCK, n.min((block + 1) * BLOCK));
        for left in (0..bottom).step_by(BLOCK) {
            for i in top..bottom {
                // The partner of (i, j) is (n - 1 - j, n - 1 - i). The bound visits each pair once.
                let end = n
                    .min(left + BLOCK)
                    .min(i + 1)
                    .min((n - 1).saturating_sub(i));
                for j in left..end {
                    // SAFETY: both places lie inside the lower triangle, and no other (i, j) touches them.
                    unsafe { std::ptr::swap(h.at(i, j), h.at(n - 1 - j, n - 1 - i)) };
                }
            }
        }
    });
}

/// Turns a lower triangular matrix into the upper triangular matrix with rows and columns in reversed order. The content above
/// the diagonal is ignored.
pub(super) fn lower_to_reversed_upper(pool: &Pool, h: Tile<'_>) {
    let n = h.rows;
    pool.run(n.div_ceil(2), |i| {
        let mirror = n - 1 - i;
        // SAFETY: this task alone uses rows i and n - 1 - i. In the first branch they are different rows.
        unsafe {
            if i != mirror {
                let (upper, lower) = (h.row_mut(i, 0, n), h.row_mut(mirror, 0, n));
                let corners = (upper[i], lower[mirror]);
                for j in 0..mirror {
                    upper[n - 1 - j] = lower[j];
                }
                for j in 0..i {
                    lower[n - 1 - j] = upper[j];
                }
                (lower[mirror], upper[i]) = corners;
                upper[..i].fill(0.0);
                lower[..mirror].fill(0.0);
            } else {
                let row = h.row_mut(i, 0, n);
                row.reverse();
                row[..i].fill(0.0);
            }
        }
    });
}

/// Copies the upper triangle into the lower one.
pub(super) fn mirror_upper(pool: &Pool, h: Tile<'_>) {
    let n = h.rows;
    pool.run(n.div_ceil(BLOCK), |block| {
        let (top, bottom) = (block * BLOCK, n.min((block + 1) * BLOCK));
        for left in (0..bottom).step_by(BLOCK) {
            for i in top..bottom {
                for j in left..i.min(left + BLOCK) {
                    // SAFETY: a task writes rows of its own below the diagonal; what stands above it is only read.
                    unsafe { h.set(i, j, h.get(j, i)) };
                }
            }
        }
    });
}
