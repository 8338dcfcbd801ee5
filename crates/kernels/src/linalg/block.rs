//! Arithmetic on single blocks, on one thread. One implementation calls faer; the other has plain loops that give the same bytes
//! on every machine.

use super::tile::Tile;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{cholesky, matmul, triangular_inverse, triangular_solve};
use faer::{Accum, Par};

/// The operations of the blocked algorithms on one block.
///
/// # Safety
/// For every method: during the call no other thread writes the tiles or reads a tile that is written. A tile that is written
/// overlaps no other argument.
pub(super) trait Block: Copy + Send + Sync {
    /// `c = alpha a b`, or `c += alpha a b` if `add`.
    unsafe fn product(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32, add: bool);

    /// Lower triangle of `c += alpha a b`. What stands above the diagonal is unspecified afterwards.
    unsafe fn symmetric(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32);

    /// Replaces the lower triangle of the symmetric block `a` by its Cholesky factor. The error is the index of the bad pivot.
    unsafe fn cholesky(self, a: Tile<'_>) -> Result<(), usize>;

    /// `b = b l^-T` with `l` lower triangular.
    unsafe fn solve_right_transposed(self, b: Tile<'_>, l: Tile<'_>);

    /// Replaces the lower triangular `a` by its inverse, with zeros above the diagonal.
    unsafe fn invert_lower(self, a: Tile<'_>);
}

/// Block operations of faer.
#[derive(Clone, Copy)]
pub(super) struct Fast;

impl Block for Fast {
    unsafe fn product(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32, add: bool) {
        let accumulate = if add { Accum::Add } else { Accum::Replace };
        // SAFETY: the caller's promise.
        let (c, a, b) = unsafe { (c.view_mut(), a.view(), b.view()) };
        matmul::matmul(c, accumulate, a, b, alpha, Par::Seq);
    }

    unsafe fn symmetric(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32) {
        // SAFETY: the caller's promise.
        let (c, a, b) = unsafe { (c.view_mut(), a.view(), b.view()) };
        triangular::matmul(
            c,
            BlockStructure::TriangularLower,
            Accum::Add,
            a,
            BlockStructure::Rectangular,
            b,
            BlockStructure::Rectangular,
            alpha,
            Par::Seq,
        );
    }

    unsafe fn cholesky(self, a: Tile<'_>) -> Result<(), usize> {
        use cholesky::llt::factor;
        let n = a.rows;
        let mut data = vec![0.0f32; n * n];
        // faer is five times as fast on contiguous columns, so the rows of the block become the columns of a copy.
        let columns = Tile::dense(&mut data, n, n).transposed();
        // SAFETY: the caller's promise; the copy is memory of this call.
        let block = unsafe {
            copy_lower(columns, a);
            columns.view_mut()
        };
        let scratch = factor::cholesky_in_place_scratch::<f32>(n, Par::Seq, Default::default());
        let mut memory = faer::dyn_stack::MemBuffer::new(scratch);
        let stack = faer::dyn_stack::MemStack::new(&mut memory);
        let done = factor::cholesky_in_place(
            block,
            Default::default(),
            Par::Seq,
            stack,
            Default::default(),
        );
        // SAFETY: as above.
        unsafe { copy_lower(a, columns) };
        match done {
            Err(cholesky::llt::factor::LltError::NonPositivePivot { index }) => Err(index),
            Ok(_) => Ok(()),
        }
    }

    unsafe fn solve_right_transposed(self, b: Tile<'_>, l: Tile<'_>) {
        // SAFETY: the caller's promise.
        let (b, l) = unsafe { (b.transposed().view_mut(), l.view()) };
        triangular_solve::solve_lower_triangular_in_place(l, b, Par::Seq);
    }

    unsafe fn invert_lower(self, a: Tile<'_>) {
        let n = a.rows;
        let mut data = vec![0.0f32; n * n];
        let inverse = Tile::dense(&mut data, n, n);
        // SAFETY: the caller's promise; the inverse is memory of this call.
        unsafe {
            triangular_inverse::invert_lower_triangular(inverse.view_mut(), a.view(), Par::Seq);
            for i in 0..n {
                let row = a.row_mut(i, 0, n);
                row[..=i].copy_from_slice(inverse.row(i, 0, i + 1));
                row[i + 1..].fill(0.0);
            }
        }
    }
}

/// Copies the lower triangle of `from`, diagonal included.
///
/// # Safety
/// No other thread uses `to`, and none writes `from`.
unsafe fn copy_lower(to: Tile<'_>, from: Tile<'_>) {
    for i in 0..to.rows {
        for j in 0..=i {
            // SAFETY: the caller's promise.
            unsafe { to.set(i, j, from.get(i, j)) };
        }
    }
}

/// Block operations as plain loops in a fixed order, without fused multiply-add.
#[derive(Clone, Copy)]
pub(super) struct Plain;

/// Dot product in eight running sums. The order is fixed, and compilers can still turn it into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (heads_a, tail_a) = a.as_chunks::<8>();
    let (heads_b, tail_b) = b.as_chunks::<8>();
    for (a, b) in heads_a.iter().zip(heads_b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in tail_a.iter().zip(tail_b).enumerate() {
        sums[lane] += a * b;
    }
    sums.iter().sum()
}

fn axpy(alpha: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

impl Plain {
    /// `c += alpha a b`, where rows of `b` are contiguous.
    unsafe fn add_rows(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32) {
        for i in 0..c.rows {
            for k in 0..a.cols {
                // SAFETY: the caller's promise.
                unsafe {
                    let row = c.row_mut(i, 0, c.cols);
                    axpy(alpha * a.get(i, k), b.row(k, 0, b.cols), row);
                }
            }
        }
    }

    /// `c += alpha a b` by dot products, where columns of `b` are contiguous.
    unsafe fn add_columns(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32) {
        let columns = b.transposed();
        for i in 0..c.rows {
            for j in 0..c.cols {
                // SAFETY: the caller's promise.
                unsafe {
                    let sum = dot(a.row(i, 0, a.cols), columns.row(j, 0, a.cols));
                    c.set(i, j, c.get(i, j) + alpha * sum);
                }
            }
        }
    }
}

impl Block for Plain {
    unsafe fn product(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32, add: bool) {
        // SAFETY: the caller's promise, here and in the calls.
        unsafe {
            if !add {
                for i in 0..c.rows {
                    c.row_mut(i, 0, c.cols).fill(0.0);
                }
            }
            match b.col_stride {
                1 => self.add_rows(c, a, b, alpha),
                _ => self.add_columns(c, a, b, alpha),
            }
        }
    }

    unsafe fn symmetric(self, c: Tile<'_>, a: Tile<'_>, b: Tile<'_>, alpha: f32) {
        // SAFETY: the caller's promise.
        unsafe { self.product(c, a, b, alpha, true) }
    }

    unsafe fn cholesky(self, a: Tile<'_>) -> Result<(), usize> {
        for i in 0..a.rows {
            for j in 0..=i {
                // SAFETY: the caller's promise. Both rows are read only left of column j; the loop writes column j afterwards.
                unsafe {
                    let t = a.get(i, j) - dot(a.row(i, 0, j), a.row(j, 0, j));
                    if i != j {
                        a.set(i, j, t / a.get(j, j));
                    } else if t > 0.0 && t.is_finite() {
                        a.set(i, i, t.sqrt());
                    } else {
                        return Err(i);
                    }
                }
            }
        }
        Ok(())
    }

    unsafe fn solve_right_transposed(self, b: Tile<'_>, l: Tile<'_>) {
        for i in 0..b.rows {
            for j in 0..b.cols {
                // SAFETY: the caller's promise.
                unsafe {
                    let t = b.get(i, j) - dot(b.row(i, 0, j), l.row(j, 0, j));
                    b.set(i, j, t / l.get(j, j));
                }
            }
        }
    }

    unsafe fn invert_lower(self, a: Tile<'_>) {
        let n = a.rows;
        let mut row = vec![0.0f32; n];
        for i in 0..n {
            // SAFETY: the caller's promise; rows above i already hold the inverse.
            unsafe {
                let pivot = 1.0 / a.get(i, i);
                row.fill(0.0);
                for k in 0..i {
                    axpy(-pivot * a.get(i, k), a.row(k, 0, i), &mut row[..i]);
                }
                row[i] = pivot;
                a.row_mut(i, 0, n).copy_from_slice(&row);
            }
        }
    }
}
