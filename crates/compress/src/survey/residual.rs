//! r_j = 1 / u_jj^2 from the inputs themselves: what is left of each input once those after it have explained what they can.
//!
//! With many tokens the second moments are added up and factored as a solver does it (solve/factor.rs). With fewer tokens than
//! inputs the tokens are the smaller side: P = (I + Z Z^T)^-1 [tokens, tokens] of the scaled inputs Z of the columns seen so far,
//! from the last column to the first, gives r_j = d (1 + z_j^T P z_j), and takes z_j in by the Woodbury identity. Blocks of columns
//! make both steps matrix products; inside a block the r are those of I + Z_b^T P Z_b.

use crate::solve::factor;
use crate::statistics::{Gram, mirror};
use kerf_kernels::{Compute, MatMut, MatRef};

/// Columns of a block.
const BLOCK: usize = 128;

/// r [n] of the inputs `x` [tokens, n], with `damping_rel` times the mean square of the live inputs as damping. Inputs that are
/// always zero have 0. `None` where there is no factor: inputs that are not finite, or all zero.
///
/// Cost: the lesser of tokens n^2 + 2/3 n^3 and 3 tokens^2 n flops; memory: n^2 or tokens^2 + tokens n numbers twice.
pub fn residual_variances(
    compute: &Compute,
    x: &[f32],
    n: usize,
    damping_rel: f64,
) -> Option<Vec<f32>> {
    let tokens = x.len() / n.max(1);
    let by_inputs = tokens as f64 * (n * n) as f64 + (n as f64).powi(3);
    let by_tokens = (tokens * n) as f64 * (3 * tokens + 4 * BLOCK) as f64;
    match by_tokens < by_inputs {
        true => by_token(compute, x, n, damping_rel),
        false => by_input(compute, x, n, damping_rel),
    }
}

/// The way of the solvers.
fn by_input(compute: &Compute, x: &[f32], n: usize, damping_rel: f64) -> Option<Vec<f32>> {
    let mut gram = Gram::new(n);
    gram.add(compute, x);
    gram.finish(compute);
    let factor = factor::factor(compute, &gram, damping_rel).ok()?;
    let mut residuals: Vec<f32> = factor.inverse_diagonal.iter().map(|d| d * d).collect();
    factor.dead.iter().for_each(|&j| residuals[j] = 0.0);
    Some(residuals)
}

/// The way through a square of tokens.
fn by_token(compute: &Compute, x: &[f32], n: usize, damping_rel: f64) -> Option<Vec<f32>> {
    let tokens = x.len() / n;
    let squares = mean_squares(x, n);
    let live = squares.iter().filter(|square| **square > 0.0).count();
    let damping = damping_rel * squares.iter().sum::<f64>() / live.max(1) as f64;
    if live == 0 || !damping.is_finite() {
        return None;
    }
    let z = scaled_columns(compute, x, n, 1.0 / (damping * tokens as f64).sqrt());
    // The negative of P, since what is taken away from P is a symmetric product.
    let mut negative = vec![0.0f32; tokens * tokens];
    (0..tokens).for_each(|t| negative[t * tokens + t] = -1.0);
    let mut residuals = vec![0.0f32; n];
    let starts: Vec<usize> = (0..n).step_by(BLOCK).collect();
    for start in starts.into_iter().rev() {
        let block = &z[start * tokens..(start + BLOCK).min(n) * tokens];
        let factor = take_in(compute, block, tokens, &mut negative)?;
        let width = block.len() / tokens;
        for j in 0..width {
            let u = f64::from(factor[j * width + j]);
            residuals[start + j] = (damping / (u * u)) as f32;
        }
        if compute.pool.stopped() {
            return None; // Nobody will look at the result.
        }
    }
    let dead = squares
        .iter()
        .enumerate()
        .filter(|(_, square)| **square == 0.0);
    dead.for_each(|(j, _)| residuals[j] = 0.0);
    Some(residuals)
}

/// The factor of (I + Z_b^T P Z_b)^-1 [width, width], and P with the columns of the block taken in. `block`: [width, tokens].
fn take_in(
    compute: &Compute,
    block: &[f32],
    tokens: usize,
    negative: &mut [f32],
) -> Option<Vec<f32>> {
    let width = block.len() / tokens;
    let columns = MatRef::dense(block, width, tokens);
    let linalg = &compute.linalg;
    let mut seen = vec![0.0f32; width * tokens];
    let p = MatRef::dense(negative, tokens, tokens);
    linalg.gemm_nn(
        MatMut::dense(&mut seen, width, tokens),
        columns,
        p,
        -1.0,
        0.0,
    );
    let mut factor = vec![0.0f32; width * width];
    (0..width).for_each(|j| factor[j * width + j] = 1.0);
    let seen_part = MatRef::dense(&seen, width, tokens);
    linalg.gemm_nt(
        MatMut::dense(&mut factor, width, width),
        seen_part,
        columns,
        1.0,
        1.0,
    );
    let made = linalg.inverse_upper_factor(MatMut::dense(&mut factor, width, width));
    made.ok()?;
    let mut root = vec![0.0f32; width * tokens];
    let u = MatRef::dense(&factor, width, width);
    linalg.gemm_nn(
        MatMut::dense(&mut root, width, tokens),
        u,
        seen_part,
        1.0,
        0.0,
    );
    let p = MatMut::dense(negative, tokens, tokens);
    linalg.syrk_lower(p, MatRef::dense(&root, width, tokens));
    mirror(negative, tokens);
    Some(factor)
}

/// Mean of the squares of each input.
pub(super) fn mean_squares(x: &[f32], n: usize) -> Vec<f64> {
    let mut sums = vec![0.0f64; n];
    for row in x.chunks_exact(n) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    let tokens = (x.len() / n).max(1) as f64;
    sums.iter_mut().for_each(|sum| *sum /= tokens);
    sums
}

/// `x` [tokens, n] turned to [n, tokens], times `factor`.
fn scaled_columns(compute: &Compute, x: &[f32], n: usize, factor: f64) -> Vec<f32> {
    let mut columns = kerf_tensors::transpose(compute, x, x.len() / n, n);
    let chunk = 1 << 16;
    compute.pool.chunks_mut(&mut columns, chunk, |_, part| {
        part.iter_mut().for_each(|value| *value *= factor as f32)
    });
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::tests::random_inputs;
    use kerf_kernels::Isa;

    #[test]
    fn both_ways_agree_with_few_and_with_many_tokens() {
        for isa in [None, Some(Isa::Portable)] {
            let compute = Compute::new(isa, 2).unwrap();
            for (tokens, n) in [(40, 300), (300, 70), (129, 129), (1, 5), (7, 260)] {
                let mut x = random_inputs(tokens, n, 9);
                for row in x.chunks_mut(n) {
                    row[n / 2] = 0.0;
                    row[0] *= 30.0;
                }
                let wide = by_token(&compute, &x, n, 0.01).unwrap();
                let plain = by_input(&compute, &x, n, 0.01).unwrap();
                for j in 0..n {
                    let scale = plain[j].max(1e-6);
                    assert!(
                        (wide[j] - plain[j]).abs() < 5e-3 * scale,
                        "{tokens} {n} {j}: {} {}",
                        wide[j],
                        plain[j]
                    );
                }
                assert_eq!(wide[n / 2], 0.0);
            }
        }
    }

    #[test]
    fn hopeless_inputs_have_none() {
        let compute = Compute::new(None, 1).unwrap();
        for (tokens, n) in [(3, 200), (400, 4)] {
            let zeros = vec![0.0; tokens * n];
            assert_eq!(residual_variances(&compute, &zeros, n, 0.01), None);
            let mut broken = random_inputs(tokens, n, 1);
            broken[n + 1] = f32::NAN;
            assert_eq!(residual_variances(&compute, &broken, n, 0.01), None);
        }
    }

    #[test]
    fn the_same_bits_for_any_number_of_threads() {
        let x = random_inputs(100, 700, 4);
        let by = |threads| {
            let compute = Compute::new(None, threads).unwrap();
            residual_variances(&compute, &x, 700, 0.01).unwrap()
        };
        assert_eq!(by(1), by(3));
    }
}
