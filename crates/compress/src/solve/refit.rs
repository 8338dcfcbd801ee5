//! Finds the best values on a fixed support, by conjugate gradients that are restricted to the support. The diagonal of H is the
//! preconditioner. It is the last stage of ALPS (2406.07831).
//!
//! Each row is a least squares problem of its own, and all have the same Hessian. All rows iterate together, so that an iteration
//! is one matrix product.
//!
//! Cost: 2 rows cols^2 flops an iteration. Memory: three matrices, besides weights and solution.

use super::PANEL_ROWS;
use super::extent::Extent;
use super::panels::each_panel;
use crate::solve::factor::Factor;
use crate::solve::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::Mask;
use std::sync::Mutex;

/// A row is done when the preconditioned square of its residual is at most this share of its first value. f32 hardly allows less.
const DONE: f32 = 1e-10;

/// The quadratic form of a problem: H with damping.
pub struct Form<'a> {
    /// Threads and kernels for the products.
    pub compute: &'a Compute,
    /// Second moments of the inputs, [n, n].
    pub gram: &'a Gram,
    /// Damping on the diagonal of H.
    pub damping: f32,
}

impl<'a> Form<'a> {
    /// The form with the damping of a factor.
    pub fn of(compute: &'a Compute, gram: &'a Gram, factor: &Factor) -> Self {
        Self {
            compute,
            gram,
            damping: factor.damping as f32,
        }
    }

    /// `out = d (H + damping)`. Shapes: both [rows, n].
    pub fn product(&self, d: &[f32], out: &mut [f32]) {
        let n = self.gram.n;
        let rows = d.len() / n;
        out.copy_from_slice(d);
        self.compute.linalg.gemm_nn(
            MatMut::dense(out, rows, n),
            MatRef::dense(d, rows, n),
            MatRef::dense(&self.gram.h, n, n),
            1.0,
            self.damping,
        );
    }

    /// 1 / diagonal of H + damping.
    pub fn inverse_diagonal(&self) -> Vec<f32> {
        let n = self.gram.n;
        let diagonal = (0..n).map(|j| self.gram.h[j * n + j].max(0.0) + self.damping);
        diagonal.map(|value| 1.0 / value).collect()
    }
}

/// Improves `x` [rows, cols] towards the best values for `w`, in at most `iterations`. `x` must be zero outside `mask` and stays
/// zero there.
pub fn refit(form: &Form<'_>, w: &[f32], mask: &Mask, x: &mut [f32], iterations: usize) {
    let n = form.gram.n;
    let (pool, kernels) = (&form.compute.pool, &form.compute.kernels);
    let jacobi = form.inverse_diagonal();
    let mut residual = vec![0.0; x.len()];
    let mut direction = w.to_vec();
    each_panel(pool, n, [&mut direction], |panel, [d]| {
        let first = panel * PANEL_ROWS * n;
        kernels.axpy(-1.0, &x[first..first + d.len()], d);
    });
    form.product(&direction, &mut residual);
    let mut product = vec![0.0; x.len()];
    let rows = Rows {
        kernels,
        mask,
        jacobi: &jacobi,
        n,
    };
    // One entry for each row of a panel.
    let panels = (w.len() / n).div_ceil(PANEL_ROWS);
    let squares: Vec<Mutex<[Square; PANEL_ROWS]>> = (0..panels)
        .map(|_| Mutex::new([Square::default(); PANEL_ROWS]))
        .collect();
    for step in 0..=iterations {
        if pool.stopped() {
            return; // The result of a stopped run is discarded.
        }
        let matrices = [&mut *x, &mut residual, &mut direction, &mut product];
        each_panel(pool, n, matrices, |panel, pieces| {
            if let Ok(mut squares) = squares[panel].lock() {
                rows.step(panel * PANEL_ROWS, pieces, &mut *squares, step > 0);
            }
        });
        let done = |panel: &Mutex<[Square; PANEL_ROWS]>| {
            let squares = panel.lock();
            squares.is_ok_and(|squares| squares.iter().all(Square::is_done))
        };
        if step == iterations || squares.iter().all(done) {
            return;
        }
        form.product(&direction, &mut product);
    }
}

/// The preconditioned square of a row's residual, in the last and in the first iteration.
#[derive(Clone, Copy, Default)]
struct Square {
    now: f32,
    first: f32,
}

impl Square {
    fn is_done(&self) -> bool {
        self.now <= DONE * self.first
    }
}

struct Rows<'a> {
    kernels: &'a kerf_kernels::Kernels,
    mask: &'a Mask,
    jacobi: &'a [f32],
    n: usize,
}

impl Rows<'_> {
    /// Updates a panel of rows after a product: the values along the direction (if `moved`), the residual, and the next
    /// direction.
    fn step(&self, first: usize, pieces: [&mut [f32]; 4], squares: &mut [Square], moved: bool) {
        let n = self.n;
        let [x, residual, direction, product] = pieces.map(|piece| piece.chunks_mut(n));
        let rows = x.zip(residual).zip(direction).zip(product);
        for (i, ((((x, r), d), q), square)) in rows.zip(squares).enumerate() {
            let mask = self.mask.row(first + i);
            if moved {
                self.kernels.apply_mask(q, mask);
                let curvature = self.kernels.dot(d, q);
                let alpha = if curvature > 0.0 {
                    square.now / curvature
                } else {
                    0.0
                };
                self.kernels.axpy(alpha, d, x);
                self.kernels.axpy(-alpha, q, r);
            } else {
                self.kernels.apply_mask(r, mask);
            }
            // The product is not needed any more. The preconditioned residual takes its place.
            q.copy_from_slice(r);
            self.kernels.mul(self.jacobi, q);
            let now = self.kernels.dot(r, q);
            if moved {
                let beta = if square.now > 0.0 {
                    now / square.now
                } else {
                    0.0
                };
                for (d, z) in d.iter_mut().zip(&*q) {
                    *d = z + beta * *d;
                }
            } else {
                d.copy_from_slice(q);
                square.first = now;
            }
            square.now = now;
        }
    }
}

/// Memory of [`refit`] in bytes, without the values that it improves.
pub fn memory_bytes(of: &Extent) -> u64 {
    3 * of.matrix()
}
