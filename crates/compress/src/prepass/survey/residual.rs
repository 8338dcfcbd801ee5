//! r_j = 1 / u_jj^2 from the inputs themselves: what is left of each input once those after it have explained what they can.
//!
//! With many tokens the second moments are added up and factored as a solver does it (solve/factor.rs). With fewer tokens than
//! inputs the tokens are the smaller side: P = (I + Z Z^T)^-1 [tokens, tokens] of the scaled inputs Z of the columns seen so far,
//! from the last column to the first, gives r_j = d_j (1 + z_j^T P z_j), and takes z_j in by the Woodbury identity. Blocks of columns
//! make both steps matrix products; inside a block the r are those of I + Z_b^T P Z_b. What each column has for itself, d_j, is the
//! damping and the share of its mean square that shrinking its correlations leaves to it alone (statistics.rs).

use crate::solve::factor;
use crate::solve::statistics::{Gram, mirror, shrinkage_of};
use kerf_kernels::{Compute, MatMut, MatRef};

/// Columns of a block.
const BLOCK: usize = 128;

/// r [n] of the inputs `x` [tokens, n], with `damping_rel` times the usual mean square of the live inputs as damping. Inputs that are
/// always zero have 0. `None` where there is no factor: inputs that are not finite, or all zero.
///
/// Cost: the lesser of tokens n^2 + 2/3 n^3 and 4 tokens^2 n flops; memory: n^2 or tokens^2 + tokens n numbers twice.
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
    if live == 0 || squares.iter().any(|square| !square.is_finite()) {
        return None;
    }
    let diagonal: Vec<f32> = squares.iter().map(|square| *square as f32).collect();
    let damping = damping_rel * factor::usual(&diagonal);
    let shrinkage = f64::from(shrinkage_by_token(compute, x, &squares, live));
    let own = |j: usize| damping + shrinkage * squares[j];
    let scale = |j: usize| ((1.0 - shrinkage) / (own(j) * tokens as f64)).sqrt();
    let z = scaled_columns(compute, x, n, scale);
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
            residuals[start + j] = (own(start + j) / (u * u)) as f32;
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

/// What [`Gram::finish`] would shrink: the squares of all correlations are in sum those of the products of the tokens, of inputs whose
/// mean square is 1.
fn shrinkage_by_token(compute: &Compute, x: &[f32], squares: &[f64], live: usize) -> f32 {
    let (n, tokens) = (squares.len(), x.len() / squares.len());
    let scale = |j: usize| match squares[j] > 0.0 {
        true => 1.0 / (squares[j] * tokens as f64).sqrt(),
        false => 0.0,
    };
    let columns = scaled_columns(compute, x, n, scale);
    let mut products = vec![0.0f32; tokens * tokens];
    let lower = MatMut::dense(&mut products, tokens, tokens);
    let columns = MatRef::dense(&columns, n, tokens);
    compute.linalg.syrk_lower(lower, columns);
    let sum = |row: &[f32]| row.iter().map(|p| f64::from(*p).powi(2)).sum::<f64>();
    let rows = products.chunks(tokens).enumerate();
    let all: f64 = rows
        .map(|(t, row)| 2.0 * sum(&row[..t]) + sum(&row[t..=t]))
        .sum();
    shrinkage_of(0.5 * (all - live as f64).max(0.0), live, tokens)
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

/// `x` [tokens, n] turned to [n, tokens], each row times its `scale`.
fn scaled_columns(
    compute: &Compute,
    x: &[f32],
    n: usize,
    scale: impl Fn(usize) -> f64 + Sync,
) -> Vec<f32> {
    let tokens = x.len() / n;
    let mut columns = kerf_tensors::transpose(compute, x, tokens, n);
    compute.pool.chunks_mut(&mut columns, tokens, |j, column| {
        let scale = scale(j) as f32;
        column.iter_mut().for_each(|value| *value *= scale)
    });
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::statistics::tests::random_inputs;
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
