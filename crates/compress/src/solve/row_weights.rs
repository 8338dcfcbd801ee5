//! How much the error of one output counts against that of another.
//!
//! The sum of squared errors over a layer's outputs is ruled by the outputs of large energy: one threshold, or one price, for all rows
//! removes far more of the rows of small energy. But what comes after a layer (a normalisation, a product of queries and keys, a gate)
//! does not see absolute errors of its outputs, and those of small energy matter. So solvers that weigh rows against each other see row r
//! times (w_r diag(H) w_r^T)^(-1/4), between equal absolute (0) and equal relative errors (-1/2): far better networks at the same
//! sparsity or rate, at a larger sum of squares. (Ours; benches/quality has the ablation.)
//!
//! Weights are powers of two, so that scaling a row and back changes no digit, and scales of a grid stay scales of it.

use super::obs_loop::Rounded;
use crate::statistics::Gram;
use kerf_kernels::Compute;

/// Powers of the energy of a row.
const POWER: f64 = -0.25;
/// Largest power of two.
const MOST: f64 = 6.0;

/// A power of two for each row.
pub struct RowWeights(Vec<f32>);

impl RowWeights {
    /// For `w` [rows, n].
    pub fn of(compute: &Compute, gram: &Gram, w: &[f32]) -> Self {
        let n = gram.n;
        let diagonal: Vec<f64> = (0..n)
            .map(|j| f64::from(gram.h[j * n + j].max(0.0)))
            .collect();
        let logs = compute.pool.map(w.len() / n, |row| {
            let row = &w[row * n..(row + 1) * n];
            let terms = row
                .iter()
                .zip(&diagonal)
                .map(|(w, h)| f64::from(*w).powi(2) * h);
            let energy: f64 = terms.sum();
            (energy > 0.0).then(|| energy.log2())
        });
        let live: Vec<f64> = logs.iter().flatten().copied().collect();
        let mean = live.iter().sum::<f64>() / live.len().max(1) as f64;
        let power = |log: f64| ((log - mean) * POWER).round().clamp(-MOST, MOST);
        let weights = logs
            .iter()
            .map(|log| log.map_or(1.0, |log| power(log).exp2() as f32));
        Self(weights.collect())
    }

    /// Rows as the solver shall see them.
    pub fn apply(&self, compute: &Compute, w: &mut [f32]) {
        self.times(compute, w, |weight| weight);
    }

    /// What the solver came to, for the rows as they were.
    pub fn take_back(&self, compute: &Compute, rounded: &mut Rounded) {
        self.times(compute, &mut rounded.w, |weight| 1.0 / weight);
        self.times(compute, &mut rounded.scales, |weight| 1.0 / weight);
        for (energy, weight) in rounded.energy.iter_mut().zip(&self.0) {
            *energy /= f64::from(*weight).powi(2);
        }
    }

    fn times(&self, compute: &Compute, rows: &mut [f32], factor: fn(f32) -> f32) {
        let len = rows.len() / self.0.len().max(1);
        compute.pool.chunks_mut(rows, len.max(1), |row, values| {
            let factor = factor(self.0[row]);
            values.iter_mut().for_each(|value| *value *= factor);
        });
    }
}
