//! Chooses the surviving weights by the alternating direction method of multipliers (ADMM) on the column-normalised Hessian (Meng
//! et al.: ALPS, 2406.07831; Boza: Fast and Effective Weight Update for Pruned LLMs, 2401.02938).
//!
//! ADMM minimises tr((W - X) H (W - X)^T) over sparse X by splitting the problem. B solves the least squares problem, and D is B
//! projected to the sparsity. A growing penalty rho pulls B and D together:
//!
//! ```text
//! B = W + rho (D - W - V) P,   P = (H + rho I)^-1        T = B + V        D = T on its largest entries, V = T - D
//! ```
//!
//! W is scaled by the square roots of diag(H). H then has a diagonal of ones, and one threshold serves all columns. V is the
//! multiplier over rho.
//!
//! ALPS computes an eigendecomposition, which allows another rho in every iteration at two products each. Here rho climbs a short
//! ladder: one inverse for each rung, one product for each iteration. For square matrices a rung costs half as much as an
//! iteration. An eigendecomposition costs as much as ten iterations or more, and runs at a fraction of their speed.
//!
//! Cost: 2 rows cols^2 flops an iteration, cols^3 a rung. Memory: three matrices [rows, cols] and one [cols, cols].

use super::PANEL_ROWS;
use super::choose::choose_near;
use super::extent::Extent;
use super::panels::each_panel;
use super::problem::Problem;
use crate::solve::factor::Factor;
use crate::solve::statistics::Gram;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::Mask;

/// The first penalty, in units of the mean eigenvalue of the normalised Hessian (which is 1).
const FIRST_PENALTY: f32 = 0.4;
/// A rung of the ladder of penalties. Shorter rungs cost more inverses. With longer rungs the penalty has not grown enough when
/// the iterations end. Both rungs were measured together with [`FIRST_PENALTY`] on two models.
struct Rung {
    iterations: usize,
    /// Factor of the penalty after this rung.
    growth: f32,
}

/// For matrices whose inverse costs less than an iteration or two.
const SHORT: Rung = Rung {
    iterations: 4,
    growth: 1.8,
};
/// For matrices of few rows and many columns, whose inverse costs more than all iterations of a short rung.
const LONG: Rung = Rung {
    iterations: 6,
    growth: 3.24,
};

/// A support (the set of surviving weights), and values on it.
pub struct Support {
    /// The surviving weights.
    pub mask: Mask,
    /// Values [rows, cols], zero outside the support. They are near the least squares solution on it.
    pub x: Vec<f32>,
    /// Number of iterations. The search ends at the limit, or when the mask does not change any more.
    pub iterations: usize,
}

/// The state between two iterations. Columns are normalised.
struct State<'a> {
    compute: &'a Compute,
    problem: &'a Problem<'a>,
    /// Square roots of the damped diagonal of H.
    norms: Vec<f32>,
    /// The weights before normalisation.
    w: &'a [f32],
    /// The matrix D + V. Inside the mask it is D, outside it is V.
    t: Vec<f32>,
    mask: Mask,
    /// The lowest score inside the mask. The next iteration's lowest score is near it.
    cut: Option<f32>,
    /// Scratch: the left operand of the product, and the product.
    a: Vec<f32>,
    b: Vec<f32>,
}

/// Chooses the support of `w` [rows, cols] in at most `iterations`, with the sparsity and pattern of the problem. Dead columns of
/// `w` must be zero.
pub fn support(
    compute: &Compute,
    w: &[f32],
    problem: &Problem<'_>,
    factor: &Factor,
    iterations: usize,
) -> Support {
    let gram = &problem.inputs.expect("a calibrated method").gram;
    let mut state = State::new(compute, w, problem, gram, factor);
    let mut inverse = vec![0.0; gram.n * gram.n];
    let rung = if gram.n > 2 * problem.rows {
        LONG
    } else {
        SHORT
    };
    let (mut penalty, mut done) = (FIRST_PENALTY, 0);
    while done < iterations && !compute.pool.stopped() {
        if !invert(compute, gram, &state.norms, penalty, &mut inverse) {
            break; // The damped Hessian has a factor, so only a rounding error can lead here.
        }
        let mut changed = 0;
        for _ in 0..rung.iterations.min(iterations - done) {
            changed += state.iterate(&inverse, penalty);
            done += 1;
        }
        if changed == 0 {
            break;
        }
        state.raise_penalty(rung.growth);
        penalty *= rung.growth;
    }
    state.finish(done)
}

/// Replaces `out` by (H_n + penalty I)^-1, the inverse of the normalised Hessian with penalty. False if there is no inverse.
fn invert(compute: &Compute, gram: &Gram, norms: &[f32], penalty: f32, out: &mut [f32]) -> bool {
    let n = gram.n;
    let inverse_norms: Vec<f32> = norms.iter().map(|norm| 1.0 / norm).collect();
    compute.pool.chunks_mut(out, n, |i, row| {
        let h = &gram.h[i * n..(i + 1) * n];
        for ((value, h), scale) in row.iter_mut().zip(h).zip(&inverse_norms) {
            *value = h * scale * inverse_norms[i];
        }
        row[i] = 1.0 + penalty;
    });
    let factored = compute
        .linalg
        .inverse_upper_factor(MatMut::dense(out, n, n));
    if factored.is_ok() {
        compute.linalg.inverse_from_factor(MatMut::dense(out, n, n));
    }
    factored.is_ok()
}

impl<'a> State<'a> {
    fn new(
        compute: &'a Compute,
        w: &'a [f32],
        problem: &'a Problem<'a>,
        gram: &Gram,
        factor: &Factor,
    ) -> Self {
        let n = gram.n;
        let damped = |j: usize| f64::from(gram.h[j * n + j].max(0.0)) + factor.damping;
        let norms: Vec<f32> = (0..n).map(|j| damped(j).sqrt() as f32).collect();
        let mut t = w.to_vec();
        each_panel(&compute.pool, n, [&mut t], |_, [t]| {
            for row in t.chunks_mut(n) {
                compute.kernels.mul(&norms, row);
            }
        });
        let mut state = Self {
            compute,
            problem,
            norms,
            w,
            mask: Mask::empty(problem.rows, n),
            cut: None,
            a: vec![0.0; t.len()],
            b: vec![0.0; t.len()],
            t,
        };
        state.choose();
        state
    }

    fn choose(&mut self) -> usize {
        let p = self.problem;
        let (cols, t, kernels) = (p.cols, &self.t, &self.compute.kernels);
        let scores = |row: usize, out: &mut [f32]| {
            kernels.magnitude_scores(&t[row * cols..(row + 1) * cols], out);
        };
        let shape = (p.rows, cols);
        let (pattern, sparsity) = (p.pattern, p.sparsity);
        let mask = choose_near(
            self.compute,
            shape,
            pattern,
            sparsity,
            &scores,
            &mut self.cut,
        );
        let bytes = mask.bits.iter().zip(&self.mask.bits);
        let changed: u32 = bytes.map(|(new, old)| (new ^ old).count_ones()).sum();
        self.mask = mask;
        changed as usize
    }

    /// Runs one iteration. Returns the number of places in which the mask changed.
    fn iterate(&mut self, inverse: &[f32], penalty: f32) -> usize {
        let (rows, n) = (self.problem.rows, self.problem.cols);
        let (w, norms, mask, kernels) = (self.w, &self.norms, &self.mask, &self.compute.kernels);
        let pool = &self.compute.pool;
        // a = D - V - W. D is t inside the mask, and V is t outside.
        let (t, a, b) = (&mut self.t, &mut self.a, &mut self.b);
        each_panel(pool, n, [&mut *t, &mut *a], |panel, [t, a]| {
            for (i, (t, a)) in t.chunks(n).zip(a.chunks_mut(n)).enumerate() {
                let row = panel * PANEL_ROWS + i;
                kernels.admm_pull(t, mask.row(row), &w[row * n..(row + 1) * n], norms, a);
            }
        });
        self.compute.linalg.gemm_nn(
            MatMut::dense(b, rows, n),
            MatRef::dense(a, rows, n),
            MatRef::dense(inverse, n, n),
            penalty,
            0.0,
        );
        // t = W + b + V.
        each_panel(pool, n, [t, b], |panel, [t, b]| {
            for (i, (t, b)) in t.chunks_mut(n).zip(b.chunks(n)).enumerate() {
                let row = panel * PANEL_ROWS + i;
                kernels.admm_step(t, mask.row(row), &w[row * n..(row + 1) * n], norms, b);
            }
        });
        self.choose()
    }

    /// Multiplies the penalty by `growth`. V is the multiplier over rho, so V shrinks.
    fn raise_penalty(&mut self, growth: f32) {
        let n = self.problem.cols;
        let (mask, kernels) = (&self.mask, &self.compute.kernels);
        let (t, a) = (&mut self.t, &mut self.a);
        each_panel(&self.compute.pool, n, [t, a], |panel, [t, a]| {
            for (i, (t, a)) in t.chunks_mut(n).zip(a.chunks_mut(n)).enumerate() {
                a.copy_from_slice(t);
                kernels.apply_mask(a, mask.row(panel * PANEL_ROWS + i));
                for (t, inside) in t.iter_mut().zip(&*a) {
                    *t = inside + (*t - inside) / growth;
                }
            }
        });
    }

    fn finish(self, iterations: usize) -> Support {
        let (n, kernels, mask) = (self.problem.cols, &self.compute.kernels, &self.mask);
        let inverse_norms: Vec<f32> = self.norms.iter().map(|norm| 1.0 / norm).collect();
        let mut x = self.t;
        each_panel(&self.compute.pool, n, [&mut x], |panel, [x]| {
            for (i, row) in x.chunks_mut(n).enumerate() {
                kernels.mul(&inverse_norms, row);
                kernels.apply_mask(row, mask.row(panel * PANEL_ROWS + i));
            }
        });
        Support {
            mask: self.mask,
            x,
            iterations,
        }
    }
}

/// Memory of [`support`] in bytes, including its result.
pub fn memory_bytes(of: &Extent) -> u64 {
    // The inverse takes panels of 256 columns. A new mask exists beside the last one.
    3 * of.matrix() + of.square() + of.rows_of(3 * 256) + 2 * of.mask()
}
