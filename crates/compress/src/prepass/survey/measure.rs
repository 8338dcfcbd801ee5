//! One matrix on its inputs: everything that a [`Summary`] says.

use super::histogram::Histogram;
use super::residual::{mean_squares, residual_variances};
use crate::schedules::{LossCurve, RoundingLoss, Summary, WIDTHS};
use crate::solve::rate::Counts;
use kerf_kernels::{Compute, MatMut, MatRef};
use kerf_tensors::Grid;

/// Rows that one task takes.
const PANEL_ROWS: usize = 64;
/// Tokens on which the output energy is measured: its spread over tokens is small beside what it is used for.
const ENERGY_TOKENS: usize = 32;
/// Weights on which the loss of rounding is measured.
const ROUNDED_WEIGHTS: usize = 1 << 16;
/// Times the mean of a matrix from which on a score is an outlier (OWL's M).
const OUTLIER: f64 = 5.0;

/// What matrices that share an input have in common.
pub struct Measure<'a> {
    compute: &'a Compute,
    cols: usize,
    /// r of each input; 0 where it is dead.
    residuals: Vec<f32>,
    /// 1 / u_jj of each input.
    roots: Vec<f32>,
    /// Root mean square of each input.
    norms: Vec<f32>,
    /// Some of the inputs [tokens, cols].
    sample: Vec<f32>,
}

impl<'a> Measure<'a> {
    /// Of the inputs `x` [tokens, cols]. Where they have no factor (inputs that are not finite or always zero), their mean squares
    /// stand in for r, as Wanda has it.
    pub fn new(compute: &'a Compute, x: &[f32], cols: usize, damping_rel: f64) -> Self {
        let squares = mean_squares(x, cols);
        let finite = |value: f64| if value.is_finite() { value as f32 } else { 0.0 };
        let residuals = residual_variances(compute, x, cols, damping_rel)
            .unwrap_or_else(|| squares.iter().map(|square| finite(*square)).collect());
        let step = (x.len() / cols.max(1)).div_ceil(ENERGY_TOKENS).max(1);
        let rows = x.chunks_exact(cols).step_by(step);
        Self {
            compute,
            cols,
            roots: residuals.iter().map(|r| r.sqrt()).collect(),
            norms: squares.iter().map(|square| finite(square.sqrt())).collect(),
            residuals,
            sample: rows.flatten().copied().collect(),
        }
    }

    /// The summary of `w` [rows, cols]. `grid_of`: the grid of a matrix for so many bits, where rounding is of interest.
    ///
    /// Cost: three passes over `w`, a product with 32 tokens, and 2^16 weights rounded for each width.
    pub fn summary(
        &self,
        name: &str,
        w: &[f32],
        grid_of: Option<&dyn Fn(u8) -> Option<Grid>>,
    ) -> Summary {
        let rounding = |bits: u8| {
            let grid = grid_of.and_then(|grid_of| grid_of(bits))?;
            let (loss, code_bits) = self.rounding_loss(w, grid);
            Some(RoundingLoss {
                bits,
                loss,
                code_bits,
            })
        };
        let first = self.first_pass(w);
        let weights = w.len().max(1) as f64;
        Summary {
            name: name.into(),
            weights: w.len(),
            output_energy: self.output_energy(w),
            pruning: LossCurve::of_groups(first.losses.groups()),
            rounding: WIDTHS.iter().filter_map(|bits| rounding(*bits)).collect(),
            outlier_ratio: self.outliers(w, OUTLIER * first.scores / weights) / weights,
            mean_residual: mean(&self.residuals),
            mean_square: first.squares / weights,
            probe: None,
        }
    }

    fn first_pass(&self, w: &[f32]) -> FirstPass {
        let panel = PANEL_ROWS * self.cols.max(1);
        let parts = self.compute.pool.map(w.len().div_ceil(panel), |index| {
            let mut part = FirstPass::new();
            let mut scores = vec![0.0f32; self.cols];
            let kernels = &self.compute.kernels;
            let panel = &w[index * panel..w.len().min((index + 1) * panel)];
            for row in panel.chunks_exact(self.cols) {
                kernels.wanda_scores(row, &self.norms, &mut scores);
                part.scores += scores.iter().map(|score| f64::from(*score)).sum::<f64>();
                part.squares += f64::from(kernels.dot(row, row));
                kernels.obs_scores(row, &self.roots, &mut scores);
                part.losses.add(kernels, &scores);
            }
            part
        });
        parts.iter().fold(FirstPass::new(), FirstPass::merged)
    }

    /// Weights whose Wanda score is above `threshold`.
    fn outliers(&self, w: &[f32], threshold: f64) -> f64 {
        let panel = PANEL_ROWS * self.cols.max(1);
        let counts = self.compute.pool.map(w.len().div_ceil(panel), |index| {
            let mut scores = vec![0.0f32; self.cols];
            let panel = &w[index * panel..w.len().min((index + 1) * panel)];
            let rows = panel.chunks_exact(self.cols);
            rows.map(|row| {
                let kernels = &self.compute.kernels;
                kernels.wanda_scores(row, &self.norms, &mut scores);
                let above = scores.iter().filter(|s| f64::from(**s) > threshold);
                above.count() as u64
            })
            .sum::<u64>()
        });
        counts.iter().sum::<u64>() as f64
    }

    /// tr(W H W^T) over the sample.
    fn output_energy(&self, w: &[f32]) -> f64 {
        let (rows, tokens) = (w.len() / self.cols, self.sample.len() / self.cols);
        let mut out = vec![0.0f32; tokens * rows];
        self.compute.linalg.gemm_nt(
            MatMut::dense(&mut out, tokens, rows),
            MatRef::dense(&self.sample, tokens, self.cols),
            MatRef::dense(w, rows, self.cols),
            1.0,
            0.0,
        );
        let squares = out.chunks(rows.max(1));
        let squares = squares.map(|out| f64::from(self.compute.kernels.dot(out, out)));
        let energy = squares.sum::<f64>() / tokens.max(1) as f64;
        if energy.is_finite() { energy } else { 0.0 }
    }

    /// Sum of (w - q)^2 r over the whole matrix and the entropy of a code, from rows at even distances.
    fn rounding_loss(&self, w: &[f32], grid: Grid) -> (f64, f64) {
        let (cols, rows) = (self.cols, w.len() / self.cols);
        let wanted = ROUNDED_WEIGHTS.div_ceil(cols).max(1);
        let step = rows.div_ceil(wanted).max(1);
        let (kernels, range) = (&self.compute.kernels, grid.range());
        let group = grid.group_cols(cols);
        let losses = self.compute.pool.map(rows.div_ceil(step), |index| {
            let row = &w[index * step * cols..][..cols];
            let (mut codes, mut values) = (vec![0i8; group], vec![0.0f32; group]);
            let mut loss = 0.0;
            let mut counts = Counts::none();
            for (w, r) in row.chunks(group).zip(self.residuals.chunks(group)) {
                let (codes, values) = (&mut codes[..w.len()], &mut values[..w.len()]);
                let scale = grid.fit_scale(kernels, w, None, 0);
                kernels.quantize(w, scale, range, codes);
                kernels.dequantize(codes, scale, values);
                counts.add(codes);
                let costs = w.iter().zip(values.iter()).zip(r);
                loss += costs
                    .map(|((w, q), r)| f64::from((w - q).powi(2) * r))
                    .sum::<f64>();
            }
            (loss, counts)
        });
        let mut counts = Counts::none();
        losses.iter().for_each(|(_, own)| counts.merge(own));
        let loss: f64 = losses.iter().map(|(loss, _)| loss).sum();
        let all = rows as f64 / losses.len().max(1) as f64;
        (loss * all, counts.entropy())
    }
}

/// Sums over a matrix.
struct FirstPass {
    losses: Histogram,
    /// Of |w| norm(x).
    scores: f64,
    /// Of w^2.
    squares: f64,
}

impl FirstPass {
    fn new() -> Self {
        Self {
            losses: Histogram::new(),
            scores: 0.0,
            squares: 0.0,
        }
    }

    fn merged(mut self, other: &Self) -> Self {
        self.losses.merge(&other.losses);
        self.scores += other.scores;
        self.squares += other.squares;
        self
    }
}

fn mean(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
    sum / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::statistics::Gram;
    use crate::solve::statistics::tests::{random, random_inputs};
    use crate::solve::{energy::output_energy, factor::factor};
    use kerf_tensors::rounding::round_to_grid;

    const ROWS: usize = 150;
    const COLS: usize = 96;

    /// Inputs, a matrix with some large weights, and its plain factor.
    fn problem(compute: &Compute) -> (Vec<f32>, Vec<f32>, Gram, Vec<f64>) {
        let x = random_inputs(ENERGY_TOKENS, COLS, 3);
        let mut w = random(ROWS * COLS, 8);
        w.iter_mut().step_by(97).for_each(|w| *w *= 9.0);
        let mut gram = Gram::new(COLS);
        gram.add(compute, &x);
        gram.finish(compute);
        let factor = factor(compute, &gram, 0.01).unwrap();
        let inverse = factor.inverse_diagonal.iter();
        let residuals = inverse.map(|d| f64::from(*d).powi(2)).collect();
        (x, w, gram, residuals)
    }

    #[test]
    fn a_summary_says_what_sorting_says() {
        let compute = Compute::new(None, 2).unwrap();
        let (x, w, gram, residuals) = problem(&compute);
        let measure = Measure::new(&compute, &x, COLS, 0.01);
        let summary = measure.summary("m", &w, None);
        let mut costs: Vec<f64> = w
            .iter()
            .enumerate()
            .map(|(i, w)| f64::from(*w).powi(2) * residuals[i % COLS])
            .collect();
        costs.sort_by(f64::total_cmp);
        for share in [0.5, 0.7, 0.8] {
            let exact: f64 = costs[..(share * w.len() as f64) as usize].iter().sum();
            let ratio = summary.pruning.at(share) / exact;
            assert!((ratio - 1.0).abs() < 0.02, "{share} {ratio}");
        }
        // All tokens are in the sample.
        let energy = output_energy(&compute, &w, ROWS, &gram);
        assert!((summary.output_energy / energy - 1.0).abs() < 1e-4);
        let norms = gram.norms();
        let scores = w.iter().enumerate();
        let scores: Vec<f32> = scores.map(|(i, w)| w.abs() * norms[i % COLS]).collect();
        let limit = 5.0 * scores.iter().sum::<f32>() / w.len() as f32;
        let above = scores.iter().filter(|score| **score > limit).count();
        assert!(above > 50);
        let counted = (summary.outlier_ratio * w.len() as f64).round() as usize;
        assert!(counted.abs_diff(above) <= 1, "{counted} {above}");
    }

    #[test]
    fn rounding_losses_are_those_of_rounding_and_fall_with_bits() {
        let compute = Compute::new(None, 2).unwrap();
        let (x, w, _, residuals) = problem(&compute);
        let measure = Measure::new(&compute, &x, COLS, 0.01);
        let grid_of = |bits: u8| Some(Grid::new(bits, 32));
        let summary = measure.summary("m", &w, Some(&grid_of));
        let mut last = f64::INFINITY;
        for bits in WIDTHS {
            let rounded = round_to_grid(&compute, &w, ROWS, COLS, Grid::new(bits, 32), None);
            let values = rounded.dequantize(&compute.kernels);
            let lost = w.iter().zip(&values).enumerate();
            let exact: f64 = lost
                .map(|(i, (w, q))| f64::from(w - q).powi(2) * residuals[i % COLS])
                .sum();
            let loss = summary.rounding_loss(bits).unwrap();
            assert!((loss / exact - 1.0).abs() < 0.01, "{bits} {loss} {exact}");
            assert!(loss < last);
            last = loss;
        }
    }

    #[test]
    fn inputs_without_a_factor_still_have_a_summary() {
        let compute = Compute::new(None, 1).unwrap();
        let w = random(ROWS * COLS, 2);
        let measure = Measure::new(&compute, &vec![0.0; 5 * COLS], COLS, 0.01);
        let summary = measure.summary("m", &w, None);
        assert_eq!((summary.output_energy, summary.pruning.at(1.0)), (0.0, 0.0));
        assert_eq!(summary.outlier_ratio, 0.0);
    }
}
