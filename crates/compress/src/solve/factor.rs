//! The factor of the inverse Hessian for optimal brain surgeon. The damping of the Hessian rises until the factorization
//! succeeds.

use crate::solve::statistics::Gram;
use kerf_kernels::{Compute, MatMut};

/// Multiple of the median square of the inputs. A larger square counts as this multiple in the mean that the damping refers to.
const LARGEST: f64 = 4.0;
/// Most tenfold raises of the damping. From the default 0.01 they reach 1e5 times the mean diagonal.
const MAX_RAISES: u32 = 7;

/// The factor `u` (upper triangular, [n, n]) with (H + damping)^-1 = u^T u.
#[derive(Debug)]
pub struct Factor {
    /// Number of inputs.
    pub n: usize,
    /// [n, n], row-major, strict lower triangle zero.
    pub u: Vec<f32>,
    /// 1 / u_jj.
    pub inverse_diagonal: Vec<f32>,
    /// Damping that made the factorization succeed, relative to the mean diagonal (see `usual`).
    pub damping_rel: f64,
    /// Damping that was added to the diagonal of H.
    pub damping: f64,
    /// Indices of the inputs that are zero for all calibration tokens. Their diagonal is set to the mean diagonal.
    pub dead: Vec<usize>,
}

/// The factorization failed.
#[derive(Clone, Debug, PartialEq)]
pub struct NoFactor {
    /// The reason, for the report.
    pub reason: String,
}

/// Factors `gram` after adding `damping_rel` times the mean diagonal (see `usual`) to its diagonal. If that fails, the damping
/// rises tenfold, at most seven times.
///
/// Errors: all inputs are zero, the statistics are not finite, or the matrix stays indefinite after seven raises.
///
/// Cost: 2/3 n^3 flops per try; memory: one [n, n] beside `gram`.
pub fn factor(compute: &Compute, gram: &Gram, damping_rel: f64) -> Result<Factor, NoFactor> {
    let n = gram.n;
    let diagonal = gram.diagonal();
    if diagonal.iter().any(|value| !value.is_finite()) {
        return Err(NoFactor {
            reason: "the statistics of its inputs are not finite".into(),
        });
    }
    let dead: Vec<usize> = (0..n).filter(|&j| diagonal[j] <= 0.0).collect();
    if dead.len() == n {
        return Err(NoFactor {
            reason: "all its inputs are zero in the calibration".into(),
        });
    }
    let mean = usual(&diagonal);
    let mut u = Vec::with_capacity(n * n);
    let mut tried = damping_rel;
    for _ in 0..=MAX_RAISES {
        u.clear();
        u.extend_from_slice(&gram.h);
        for j in 0..n {
            u[j * n + j] += (tried * mean) as f32;
        }
        // The row and column of a dead input are zero. Any positive diagonal keeps it independent of the others.
        dead.iter().for_each(|&j| u[j * n + j] = mean as f32);
        let matrix = MatMut {
            data: &mut u,
            rows: n,
            cols: n,
            stride: n,
        };
        if compute.pool.stopped() {
            break; // The result of a stopped run is discarded.
        }
        if compute.linalg.inverse_upper_factor(matrix).is_ok()
            && (0..n).all(|j| u[j * n + j].is_normal())
        {
            let inverse_diagonal = (0..n).map(|j| 1.0 / u[j * n + j]).collect();
            return Ok(Factor {
                n,
                u,
                inverse_diagonal,
                damping_rel: tried,
                damping: tried * mean,
                dead,
            });
        }
        tried *= 10.0;
    }
    Err(NoFactor {
        reason: format!(
            "its Hessian stays indefinite even with damping {:.0e}",
            tried / 10.0
        ),
    })
}

/// The mean square of the live inputs, where no input counts for more than [`LARGEST`] times the median. In a language model the
/// squares of a few inputs are a thousand times larger than all others. Without the limit, a small share of the mean would exceed
/// all other inputs.
pub(crate) fn usual(diagonal: &[f32]) -> f64 {
    let mut live: Vec<f32> = diagonal.iter().copied().filter(|d| *d > 0.0).collect();
    live.sort_unstable_by(f32::total_cmp);
    let most = LARGEST * f64::from(live[live.len() / 2]);
    let sum: f64 = live.iter().map(|&value| f64::from(value).min(most)).sum();
    sum / live.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::statistics::tests::random_gram;

    fn compute() -> Compute {
        Compute::new(None, 2).unwrap()
    }

    #[test]
    fn factor_inverts_the_damped_hessian() {
        let (n, compute) = (70, compute());
        let gram = random_gram(&compute, 300, n, 1);
        let factor = factor(&compute, &gram, 0.01).unwrap();
        assert_eq!((factor.damping_rel, factor.dead.len()), (0.01, 0));
        // u (H + d) u^T = I, since (H + d)^-1 = u^T u.
        for i in 0..n {
            for j in 0..n {
                let mut sum = 0.0f64;
                for k in 0..n {
                    for l in 0..n {
                        let h =
                            gram.h[k * n + l] as f64 + if k == l { factor.damping } else { 0.0 };
                        sum += factor.u[i * n + k] as f64 * h * factor.u[j * n + l] as f64;
                    }
                }
                assert!((sum - f64::from(i == j)).abs() < 1e-3, "{i} {j} {sum}");
            }
        }
    }

    #[test]
    fn dead_inputs_are_found_and_do_not_disturb_the_others() {
        let (n, compute) = (24, compute());
        let gram = random_gram(&compute, 100, n, 2);
        let mut holed = gram.clone();
        for j in 0..n {
            holed.h[5 * n + j] = 0.0;
            holed.h[j * n + 5] = 0.0;
        }
        let factor = factor(&compute, &holed, 0.01).unwrap();
        assert_eq!(factor.dead, vec![5]);
        assert!(
            (0..n)
                .filter(|&j| j != 5)
                .all(|j| factor.u[5.min(j) * n + 5.max(j)] == 0.0)
        );
    }

    #[test]
    fn one_input_a_thousand_times_as_large_hardly_moves_the_damping() {
        let (n, compute) = (64, compute());
        let gram = random_gram(&compute, 300, n, 3);
        let mut loud = gram.clone();
        for j in 0..n {
            loud.h[7 * n + j] *= 1000.0;
            loud.h[j * n + 7] *= 1000.0;
        }
        let [usual, moved] = [&gram, &loud].map(|gram| {
            let factor = factor(&compute, gram, 0.01).unwrap();
            assert_eq!(factor.damping_rel, 0.01);
            factor.damping
        });
        assert!((moved / usual - 1.0).abs() < 0.06, "{usual} {moved}");
    }

    #[test]
    fn damping_is_raised_until_it_works() {
        let compute = compute();
        // Eigenvalues 4 and -2: the matrix is positive definite only with more than 2 added to the diagonal.
        let gram = Gram {
            n: 2,
            h: vec![1.0, 3.0, 3.0, 1.0],
            tokens: 1,
            shrinkage: 0.0,
        };
        let factor = factor(&compute, &gram, 0.01).unwrap();
        assert!(
            factor.damping_rel > 2.0 && factor.damping_rel <= 20.0,
            "{}",
            factor.damping_rel
        );
    }

    #[test]
    fn hopeless_statistics_are_named() {
        let compute = compute();
        let zero = Gram {
            n: 2,
            h: vec![0.0; 4],
            tokens: 1,
            shrinkage: 0.0,
        };
        assert!(
            super::factor(&compute, &zero, 0.01)
                .unwrap_err()
                .reason
                .contains("zero")
        );
        let nan = Gram {
            n: 2,
            h: vec![f32::NAN, 0.0, 0.0, 1.0],
            tokens: 1,
            shrinkage: 0.0,
        };
        assert!(
            super::factor(&compute, &nan, 0.01)
                .unwrap_err()
                .reason
                .contains("finite")
        );
    }
}
