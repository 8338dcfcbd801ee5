//! Dense linear algebra on row-major f32 matrices. Only this module imports faer.
//!
//! The pool runs fixed tiles, and faer computes each tile on one thread. Results therefore do not depend on the number of
//! threads.

mod block;
mod factor;
mod flip;
mod gemm;
mod inverse;
pub(crate) mod tile;

use crate::{Flops, Isa, Kernels, Pool};
use block::{Fast, Plain};

/// A row-major matrix for reading. Element (i, j) is `data[i * stride + j]`.
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

impl<'a> MatRef<'a> {
    /// A matrix without gaps between its rows.
    pub fn dense(data: &'a [f32], rows: usize, cols: usize) -> Self {
        let stride = cols;
        Self {
            data,
            rows,
            cols,
            stride,
        }
    }
}

/// A row-major matrix for writing.
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

impl<'a> MatMut<'a> {
    /// A matrix without gaps between its rows.
    pub fn dense(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        let stride = cols;
        Self {
            data,
            rows,
            cols,
            stride,
        }
    }
}

/// The matrix is not positive definite: a pivot was not positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPositive {
    /// Index of the bad pivot, in the order in which the factorization visits them.
    pub index: usize,
}

impl std::fmt::Display for NotPositive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "pivot {} is not positive: the matrix is not positive definite (more damping on its diagonal helps)",
            self.index
        )
    }
}

impl std::error::Error for NotPositive {}

/// Dense linear algebra on the threads of one pool.
#[derive(Clone, Debug)]
pub struct Linalg {
    kernels: Kernels,
    pool: Pool,
    flops: Flops,
}

/// A product of fewer rows than this is limited by memory. Dot products are then faster than tiles, which would copy `b` first.
const FEW_ROWS: usize = 4;

/// Runs a call with the block arithmetic of this value.
macro_rules! with_block {
    ($self:ident, $block:ident => $call:expr) => {
        if $self.kernels.isa() == Isa::Portable {
            let $block = Plain;
            $call
        } else {
            let $block = Fast;
            $call
        }
    };
}

impl Linalg {
    /// With `portable`, plain loops in a fixed order compute the same bytes on every machine.
    pub fn new(portable: bool, pool: Pool) -> Self {
        let kernels = match portable {
            true => Kernels::reference(),
            false => Kernels::detect(),
        };
        Self::with_kernels(kernels, pool)
    }

    /// Linear algebra for a set of kernels. It is portable if the kernels are; otherwise faer chooses its own instruction set.
    /// The kernels compute products of few rows.
    pub fn with_kernels(kernels: Kernels, pool: Pool) -> Self {
        let flops = Flops::default();
        Self {
            kernels,
            pool,
            flops,
        }
    }

    /// The same linear algebra, which counts its floating-point operations in `flops`.
    pub fn counting(self, flops: &Flops) -> Self {
        let flops = flops.clone();
        Self { flops, ..self }
    }

    /// The operations that this value and its clones have counted.
    pub fn flops(&self) -> &Flops {
        &self.flops
    }

    /// `c = beta * c + alpha * a * b^T`.  c [m, n], a [m, k], b [n, k]: the product of a linear layer (x W^T).
    /// With `beta` = 0, `c` need not be initialised to finite values.
    ///
    /// # Panics
    /// If the shapes do not fit one another or their data.
    pub fn gemm_nt(&self, c: MatMut<'_>, a: MatRef<'_>, b: MatRef<'_>, alpha: f32, beta: f32) {
        let shapes = (c.rows, a.cols, c.cols) == (a.rows, b.cols, b.rows);
        assert!(
            shapes,
            "gemm_nt: c [m, n], a [m, k] and b [n, k] do not fit"
        );
        self.flops.add_product(c.rows, c.cols, a.cols);
        let (c, a, b) = (c.tile(), a.tile(), b.tile());
        if c.rows < FEW_ROWS {
            return gemm::few_rows(self.kernels, &self.pool, c, a, b, alpha, beta);
        }
        with_block!(self, block => gemm::product(block, &self.pool, c, a, b.transposed(), alpha, beta));
    }

    /// `c = beta * c + alpha * a * b`.  c [m, n], a [m, k], b [k, n].
    ///
    /// # Panics
    /// If the shapes do not fit one another or their data.
    pub fn gemm_nn(&self, c: MatMut<'_>, a: MatRef<'_>, b: MatRef<'_>, alpha: f32, beta: f32) {
        let shapes = (c.rows, a.cols, c.cols) == (a.rows, b.rows, b.cols);
        assert!(
            shapes,
            "gemm_nn: c [m, n], a [m, k] and b [k, n] do not fit"
        );
        self.flops.add_product(c.rows, c.cols, a.cols);
        let (c, a, b) = (c.tile(), a.tile(), b.tile());
        with_block!(self, block => gemm::product(block, &self.pool, c, a, b, alpha, beta));
    }

    /// `c = beta * c + alpha * a^T * b`.  c [m, n], a [k, m], b [k, n]. With `beta` = 0, `c` need not be initialised to
    /// finite values. Scratch of at most m x 512.
    ///
    /// # Panics
    /// If the shapes do not fit one another or their data.
    pub fn gemm_tn(&self, c: MatMut<'_>, a: MatRef<'_>, b: MatRef<'_>, alpha: f32, beta: f32) {
        let shapes = (c.rows, a.rows, c.cols) == (a.cols, b.rows, b.cols);
        assert!(
            shapes,
            "gemm_tn: c [m, n], a [k, m] and b [k, n] do not fit"
        );
        self.flops.add_product(c.rows, c.cols, a.rows);
        let (c, a, b) = (c.tile(), a.tile(), b.tile());
        with_block!(self, block => gemm::product_transposed(block, (self.kernels, &self.pool), c, a, b, alpha, beta));
    }

    /// Lower triangle (with diagonal) of `h += x^T x`.  h [n, n], x [tokens, n]. The strict upper triangle is not touched
    /// outside the diagonal tiles, and its content is unspecified. Scratch of at most n x 512.
    ///
    /// # Panics
    /// If the shapes do not fit one another or their data.
    pub fn syrk_lower(&self, h: MatMut<'_>, x: MatRef<'_>) {
        let shapes = (h.rows, h.cols) == (x.cols, x.cols);
        assert!(shapes, "syrk_lower: h [n, n] and x [tokens, n] do not fit");
        let n = h.rows as u64;
        self.flops.add(x.rows as u64 * n * (n + 1));
        let (h, x) = (h.tile(), x.tile());
        with_block!(self, block => gemm::gram(block, self.kernels, &self.pool, h, x));
    }

    /// Replaces `h` by the upper triangular `u` with `h^-1 = u^T u`. `h` must be symmetric positive definite; only its lower
    /// triangle is read. The strict lower triangle of `u` is zero. In place: with rows and columns in reversed order, `h = m m^T`
    /// with `m` upper triangular, and `u = m^-1`.
    ///
    /// Cost: 2/3 n^3 flops; scratch of one panel of n x 256. After an error the content of `h` is lost, so the caller must be
    /// able to build it again.
    ///
    /// # Errors
    /// [`NotPositive`] at the first pivot that is not a positive, finite number.
    ///
    /// # Panics
    /// If `h` is not square or its data is too short.
    pub fn inverse_upper_factor(&self, h: MatMut<'_>) -> Result<(), NotPositive> {
        assert!(h.rows == h.cols, "inverse_upper_factor: h is not square");
        self.flops.add(2 * (h.rows as u64).pow(3) / 3);
        let h = h.tile();
        with_block!(self, block => factor::inverse_upper(block, &self.pool, h))
    }

    /// Replaces `u` by the full matrix `u^T u`, which is the inverse of the matrix that was factored. `u` must be upper
    /// triangular with zeros below the diagonal, as [`Linalg::inverse_upper_factor`] leaves it. The result is exactly symmetric.
    ///
    /// Cost: 1/3 n^3 flops, where a general product takes 2 n^3; scratch of two panels of n x 256.
    ///
    /// # Panics
    /// If `u` is not square or its data is too short.
    pub fn inverse_from_factor(&self, u: MatMut<'_>) {
        assert!(u.rows == u.cols, "inverse_from_factor: u is not square");
        self.flops.add((u.rows as u64).pow(3) / 3);
        let u = u.tile();
        with_block!(self, block => inverse::from_factor(block, self.kernels, &self.pool, u))
    }
}
