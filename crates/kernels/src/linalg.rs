//! Dense linear algebra on row-major f32 matrices. The only place that imports faer.
//!
//! faer runs each fixed tile on one thread; the pool runs the tiles. So results do not depend on the thread count.

use crate::Pool;

/// A row-major matrix that is only read: element (i, j) is `data[i * stride + j]`.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a> {
    /// Elements; at least `(rows - 1) * stride + cols` of them.
    pub data: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Distance between the starts of two rows, in elements.
    pub stride: usize,
}

/// A row-major matrix that is written.
#[derive(Debug)]
pub struct MatMut<'a> {
    /// Elements; at least `(rows - 1) * stride + cols` of them.
    pub data: &'a mut [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Distance between the starts of two rows, in elements.
    pub stride: usize,
}

/// A pivot was not positive: the matrix is not positive definite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPositive {
    /// Index of the pivot, in the order in which the factorization took them.
    pub index: usize,
}

/// Dense linear algebra on one pool.
#[derive(Clone, Debug)]
pub struct Linalg {
    portable: bool,
    pool: Pool,
}

impl Linalg {
    /// `portable`: plain loops in a fixed order, the same bytes on every machine.
    pub fn new(portable: bool, pool: Pool) -> Self {
        Self { portable, pool }
    }

    /// `c = beta * c + alpha * a * b^T`.  c [m, n], a [m, k], b [n, k]: the product of a linear layer (x W^T).
    /// With `beta` = 0, `c` need not be initialised to finite values.
    pub fn gemm_nt(&self, c: MatMut<'_>, a: MatRef<'_>, b: MatRef<'_>, alpha: f32, beta: f32) {
        todo!("{} {c:?} {a:?} {b:?} {alpha} {beta}", self.portable)
    }

    /// `c = beta * c + alpha * a * b`.  c [m, n], a [m, k], b [k, n].
    pub fn gemm_nn(&self, c: MatMut<'_>, a: MatRef<'_>, b: MatRef<'_>, alpha: f32, beta: f32) {
        todo!("{} {c:?} {a:?} {b:?} {alpha} {beta}", self.portable)
    }

    /// Lower triangle (with diagonal) of `h += x^T x`.  h [n, n], x [tokens, n]. The strict upper triangle is not touched
    /// outside the diagonal tiles, and its content is unspecified.
    pub fn syrk_lower(&self, h: MatMut<'_>, x: MatRef<'_>) {
        todo!("{} {h:?} {x:?}", self.pool.threads())
    }

    /// Replaces `h` (symmetric positive definite, lower triangle read) by the upper triangular `u` with
    /// `h^-1 = u^T u`, strict lower triangle zeroed. In place: reversed order, `h = m m^T` with `m` upper, `u = m^-1`.
    /// 2/3 n^3 flops. On failure `h` is destroyed; the caller keeps what it needs to build it again.
    pub fn inverse_upper_factor(&self, h: MatMut<'_>) -> Result<(), NotPositive> {
        todo!("{h:?}")
    }
}
