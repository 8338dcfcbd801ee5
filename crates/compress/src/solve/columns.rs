//! The change of variables that gives columns steps of their own.
//!
//! The step of a weight is that of its row times the factor c_j of its column. In the variables w_j / c_j every step of a row is
//! the same, the second moments are C H C, and their factor is U C^-1. So a solver of rows alone solves columns too.
//!
//! c_j follows a power of u_jj, the error of a column after the columns behind it have compensated for what they can. With the
//! power 1 all columns contribute the same error, which is at most a quarter of a bit from the limit for any H (WaterSIC,
//! 2603.04956).

use super::factor::Factor;
use super::statistics::Gram;
use kerf_kernels::Compute;
use kerf_tensors::nearest_column_factor;

/// Largest and smallest factor of a column. Beyond these a column has next to no error, or nothing but error.
const RANGE: (f64, f64) = (1.0 / 1024.0, 1024.0);

/// Factors by a power of u_jj, with a geometric mean near 1. Those of dead inputs are 1.
pub fn factors(factor: &Factor, power: f64) -> Vec<f32> {
    let log = |j: usize| -f64::from(factor.inverse_diagonal[j]).ln() * power;
    let mut alive = vec![true; factor.n];
    factor.dead.iter().for_each(|&j| alive[j] = false);
    let live: Vec<usize> = (0..factor.n).filter(|&j| alive[j]).collect();
    let mean = live.iter().map(|&j| log(j)).sum::<f64>() / live.len().max(1) as f64;
    let of = |j: usize| match alive[j] {
        true => nearest_column_factor((log(j) - mean).exp().clamp(RANGE.0, RANGE.1) as f32),
        false => 1.0,
    };
    (0..factor.n).map(of).collect()
}

/// The second moments C (H + damping) C and their factor U C^-1. The damping of the latter is 0, since it is in the former.
pub fn scaled(compute: &Compute, gram: &Gram, factor: &Factor, c: &[f32]) -> (Gram, Factor) {
    let n = gram.n;
    let mut h = gram.h.clone();
    let damping = factor.damping as f32;
    compute.pool.chunks_mut(&mut h, n, |i, row| {
        row[i] = row[i].max(0.0) + damping;
        row.iter_mut().zip(c).for_each(|(h, c)| *h *= c);
        row.iter_mut().for_each(|h| *h *= c[i]);
    });
    let inverse: Vec<f32> = c.iter().map(|c| 1.0 / c).collect();
    let mut u = factor.u.clone();
    compute.pool.chunks_mut(&mut u, n, |_, row| {
        row.iter_mut().zip(&inverse).for_each(|(u, c)| *u *= c);
    });
    let diagonal = factor.inverse_diagonal.iter().zip(c);
    let factor = Factor {
        n,
        u,
        inverse_diagonal: diagonal.map(|(inverse, c)| inverse * c).collect(),
        damping_rel: factor.damping_rel,
        damping: 0.0,
        dead: factor.dead.clone(),
    };
    let gram = Gram {
        n,
        h,
        tokens: gram.tokens,
        shrinkage: gram.shrinkage,
    };
    (gram, factor)
}
