//! Targets: the weights that a layer should approximate if the dense model would see other inputs than the layer really gets.
//!
//! W_eff brings the layer nearest to the outputs of the dense model; GPTAQ (Li et al., 2504.02692) has the same aim. Over the calibration
//! tokens it minimises |x_dense W^T - x W_eff^T|^2 / tokens + d |W_eff - W|^2. The solution is W_eff = W (C + d) (H + d)^-1 with
//! C = x_dense^T x / tokens, H = x^T x / tokens and the solver's damping d.
//!
//! W_eff fits the calibration tokens a little too well, so the target takes only a share of the difference:
//! W + blend (W_eff - W). A solver gets the target in place of W.
//!
//! With the drift D = C - H the target is W + blend W D (H + d)^-1. So nothing changes where both models see the same inputs. A
//! dead input gets no share of the others. The contribution of its weight to the dense model's output is moved to the live
//! inputs.

use super::factor::Factor;
use crate::solve::statistics::Drift;
use kerf_kernels::{Compute, MatMut, MatRef};

/// Rows that one task multiplies by the inverse, and columns of each product in it.
const TILE: usize = 256;

/// The matrix from which W_eff - W is computed.
#[derive(Debug)]
pub struct Shift {
    matrix: Vec<f32>,
    kind: Kind,
}

/// The content of the matrix in a [`Shift`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// D [n, n].
    Drift,
    /// D (H + d)^-1 [n, n].
    Solved,
    /// W D [rows, n], for a drift of a single matrix.
    OfWeights,
}

impl Shift {
    /// The shift for matrices of `rows` rows in all. With more rows than inputs, D (H + d)^-1 is computed once for all of them.
    /// That costs twice n^3 flops, and saves as much for every n rows.
    pub fn new(compute: &Compute, drift: Drift, factor: &Factor, rows: usize) -> Self {
        let kind = match drift.is_of_weights() {
            true => Kind::OfWeights,
            false if rows > factor.n => Kind::Solved,
            false => Kind::Drift,
        };
        let mut matrix = drift.d;
        if kind == Kind::Solved {
            times_inverse(compute, factor, &mut matrix);
        }
        Self { matrix, kind }
    }

    /// The target W + blend (W_eff - W) for `w` [rows, n]. `None` if it is not finite. Cost: 2 rows n^2 flops, or twice that.
    pub fn target(
        &self,
        compute: &Compute,
        factor: &Factor,
        w: &[f32],
        blend: f64,
    ) -> Option<Vec<f32>> {
        let n = factor.n;
        let rows = w.len() / n;
        let mut target = vec![0.0; w.len()];
        match self.kind {
            Kind::OfWeights => compute
                .kernels
                .axpy(blend as f32, &self.matrix, &mut target),
            _ => compute.linalg.gemm_nn(
                MatMut::dense(&mut target, rows, n),
                MatRef::dense(w, rows, n),
                MatRef::dense(&self.matrix, n, n),
                blend as f32,
                0.0,
            ),
        }
        if self.kind != Kind::Solved {
            times_inverse(compute, factor, &mut target);
        }
        compute.pool.chunks_mut(&mut target, n, |i, row| {
            compute.kernels.axpy(1.0, &w[i * n..][..n], row)
        });
        let finite = compute.kernels.first_non_finite(&target).is_none();
        finite.then_some(target)
    }
}

/// `x = x (H + d)^-1` for `x` [rows, n], as two products with U and (H + d)^-1 = U^T U. U is upper triangular, so half of each
/// product is left out. Cost: 2 rows n^2 flops; scratch: 256 rows for each task.
fn times_inverse(compute: &Compute, factor: &Factor, x: &mut [f32]) {
    let n = factor.n;
    compute.pool.chunks_mut(x, TILE * n, |_, x| {
        let rows = x.len() / n;
        let mut half = vec![0.0; x.len()];
        let tiles = || (0..n).step_by(TILE).map(|at| (at, TILE.min(n - at)));
        for (at, width) in tiles() {
            let to = part_mut(&mut half, rows, at, width, n);
            let (left, right) = (
                part(x, rows, at, n - at, n),
                part(&factor.u[at * n..], width, at, n - at, n),
            );
            compute.linalg.gemm_nt(to, left, right, 1.0, 0.0);
        }
        for (at, width) in tiles() {
            let to = part_mut(x, rows, at, width, n);
            let (left, right) = (
                part(&half, rows, 0, at + width, n),
                part(&factor.u, at + width, at, width, n),
            );
            compute.linalg.gemm_nn(to, left, right, 1.0, 0.0);
        }
    });
}

/// The columns `at` to `at + cols` of a matrix whose rows have `stride` elements.
fn part(data: &[f32], rows: usize, at: usize, cols: usize, stride: usize) -> MatRef<'_> {
    let data = &data[at..];
    MatRef {
        data,
        rows,
        cols,
        stride,
    }
}

fn part_mut(data: &mut [f32], rows: usize, at: usize, cols: usize, stride: usize) -> MatMut<'_> {
    let data = &mut data[at..];
    MatMut {
        data,
        rows,
        cols,
        stride,
    }
}

/// Scratch of [`times_inverse`] on `threads` threads in bytes, without its operands.
pub fn scratch_bytes(n: usize, threads: usize) -> u64 {
    (threads * TILE * n * 4) as u64
}

/// Flops of [`Shift::new`] and [`Shift::target`] for matrices of `rows` rows in all that share `n` inputs.
pub fn flops(rows: f64, n: f64) -> f64 {
    2.0 * rows * n * n + 2.0 * rows.min(n) * n * n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::factor::factor;
    use crate::solve::statistics::Moments;
    use crate::solve::statistics::tests::{random, random_inputs};

    struct Case {
        n: usize,
        x: Vec<f32>,
        dense: Vec<f32>,
        w: Vec<f32>,
    }

    impl Case {
        /// The dense model sees inputs similar to `x`. At input 2 it sees values that the layer never gets.
        fn new(rows: usize, n: usize) -> Self {
            let mut x = random_inputs(500, n, 1);
            let other = random_inputs(500, n, 2);
            let dense = x.iter().zip(&other).map(|(x, other)| 0.9 * x + 0.3 * other);
            let dense = dense.collect();
            x.iter_mut().skip(2).step_by(n).for_each(|x| *x = 0.0);
            let w = random(rows * n, 3);
            Self { n, x, dense, w }
        }

        /// The target, with the damping and the shrinkage.
        fn target(&self, threads: usize, shared_rows: usize, blend: f64) -> (Vec<f32>, [f64; 2]) {
            let compute = Compute::new(None, threads).unwrap();
            let drift = match shared_rows {
                0 => Drift::of_weights(self.n, self.w.clone()),
                _ => Drift::new(self.n),
            };
            let mut moments = Moments::new(self.n, Some(drift));
            moments.add(&compute, &self.x, Some(&self.dense));
            moments.finish(&compute);
            let factor = factor(&compute, &moments.gram, 0.01).unwrap();
            assert_eq!(factor.dead, vec![2]);
            let shift = Shift::new(&compute, moments.drift.unwrap(), &factor, shared_rows);
            let target = shift.target(&compute, &factor, &self.w, blend).unwrap();
            let shrinkage = f64::from(moments.gram.shrinkage);
            (target, [factor.damping, shrinkage])
        }

        /// The same in f64, by elimination. Each row t of W_eff solves t (H + d) = w (C + d). H and C are both shrunk towards the
        /// diagonal of H, which is ridge regression with a penalty that is a share of each input's mean square.
        fn plain(&self, [damping, shrinkage]: [f64; 2]) -> Vec<f64> {
            let (n, tokens) = (self.n, self.x.len() / self.n);
            let moment = |a: &[f32], i: usize, j: usize| {
                let products =
                    (0..tokens).map(|t| f64::from(a[t * n + i]) * f64::from(self.x[t * n + j]));
                products.sum::<f64>() / tokens as f64
            };
            let square = |a: &[f32]| -> Vec<Vec<f64>> {
                (0..n)
                    .map(|i| (0..n).map(|j| moment(a, i, j)).collect())
                    .collect()
            };
            let (mut h, mut c) = (square(&self.x), square(&self.dense));
            let diagonal: Vec<f64> = (0..n).map(|i| h[i][i]).collect();
            for moments in [&mut h, &mut c] {
                moments
                    .iter_mut()
                    .flatten()
                    .for_each(|m| *m *= 1.0 - shrinkage);
                for (i, square) in diagonal.iter().enumerate() {
                    moments[i][i] += shrinkage * square + damping;
                }
            }
            self.w
                .chunks(n)
                .flat_map(|w| {
                    let right = (0..n).map(|j| (0..n).map(|i| f64::from(w[i]) * c[i][j]).sum());
                    eliminate(h.clone(), right.collect())
                })
                .collect()
        }
    }

    /// Solves h t = right by Gaussian elimination. h must be symmetric and positive definite.
    fn eliminate(mut h: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
        let n = right.len();
        for k in 0..n {
            for i in k + 1..n {
                let factor = h[i][k] / h[k][k];
                let (above, below) = h.split_at_mut(i);
                for (to, from) in below[0].iter_mut().zip(&above[k]) {
                    *to -= factor * from;
                }
                right[i] -= factor * right[k];
            }
        }
        for k in (0..n).rev() {
            let known: f64 = (k + 1..n).map(|j| h[k][j] * right[j]).sum();
            right[k] = (right[k] - known) / h[k][k];
        }
        right
    }

    #[test]
    fn both_ways_lead_to_the_plain_minimiser() {
        for (rows, n) in [(5, 40), (70, 61), (300, 300)] {
            let case = Case::new(rows, n);
            for shared_rows in [0, n, n + 1] {
                for blend in [0.25, 1.0] {
                    let (target, damped) = case.target(2, shared_rows, blend);
                    let plain = case.plain(damped);
                    for (i, (&got, plain)) in target.iter().zip(&plain).enumerate() {
                        let w = f64::from(case.w[i]);
                        let want = w + blend * (plain - w);
                        // f32 with a condition number of a few hundred.
                        let near = (f64::from(got) - want).abs() < 2e-3;
                        assert!(near, "{rows} x {n}, {i}: {got} instead of {want}");
                        assert!(i % n != 2 || got == case.w[i], "a dead input was moved");
                    }
                }
                assert_eq!(
                    case.target(1, shared_rows, 0.5),
                    case.target(5, shared_rows, 0.5)
                );
            }
        }
    }

    /// The squared distance to the dense model's outputs is a parabola in the blend. Without damping and shrinkage its minimum is
    /// at a blend of 1; with them it is beyond 1. So half the blend leaves at least a quarter of the possible gain.
    #[test]
    fn the_target_is_nearer_to_what_the_dense_model_computes() {
        let (rows, n) = (20, 40);
        let case = Case::new(rows, n);
        let error = |blend: f64| -> f64 {
            let (target, _) = case.target(1, rows, blend);
            let dot = |x: &[f32], w: &[f32]| -> f64 {
                x.iter().zip(w).map(|(x, w)| f64::from(x * w)).sum()
            };
            let mut sum = 0.0;
            for (x, dense) in case.x.chunks(n).zip(case.dense.chunks(n)) {
                for (w, target) in case.w.chunks(n).zip(target.chunks(n)) {
                    sum += (dot(dense, w) - dot(x, target)).powi(2);
                }
            }
            sum
        };
        let [none, half, all] = [0.0, 0.5, 1.0].map(error);
        assert!(all < 0.9 * none, "{none} {all}");
        let left = (half - all) / (none - all);
        assert!((0.25..0.4).contains(&left), "{none} {half} {all}");
    }

    #[test]
    fn equal_inputs_leave_the_weights_as_they_are() {
        let mut case = Case::new(8, 30);
        case.dense = case.x.clone();
        for shared_rows in [8, 90] {
            assert_eq!(case.target(1, shared_rows, 0.5).0, case.w);
        }
    }
}
