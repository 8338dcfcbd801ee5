//! Rounding with a price for bits: entropy-constrained scalar quantization inside the loop of optimal brain surgeon, then
//! coordinate descent at the same price.
//!
//! The step of a weight is that of its row times the factor of its column (`columns.rs`). A column follows u_jj to the power
//! [`COLUMN_POWER`], so that columns whose error others cannot make up for are rounded more finely. A row follows the root mean
//! square of its weights to the power [`ROW_POWER`]: with the power 0 each output could lose as much as any other, and with 1 each
//! could lose the same share of itself. A column whose codes would not fit gets a larger factor; no code is clipped.
//!
//! Both powers are measured (examples/column_steps.rs): at 2 bits the output error of held-out tokens is 10 to 32 % smaller than
//! with rows alone, on each of seven matrices of two models.
//!
//! The best scale of each row for the codes that are there, or the best value of each code, would then take some 0.3 % off the error
//! at 2 bits and 1 to 2 % at 1.5 bits, before the scale is rounded to the grid. Neither is computed yet.
//!
//! In units of the quantization step, a bit costs lambda = [`PRICE`] times the geometric mean of 1 / u_jj^2. That mean is the
//! error of one whole step in an average column, after the other columns have compensated for it. The rate is controlled by the
//! quantization step and not by the price, because a higher price would turn rows with small codes into zeros.
//!
//! Code lengths are first those of a Laplace distribution. Each later pass uses the frequencies of the codes before it.
//!
//! Cost: that of optimal brain surgeon, and of the sweeps.

use super::PANEL_ROWS;
use super::columns;
use super::descent::{self, Descent};
use super::effort::SWEEPS;
use super::extent::Extent;
use super::factor::Factor;
use super::obs_loop::{self, Rounded, Start};
use super::prepare::Prepared;
use super::problem::{Fallback, Problem, Solved};
use super::rate::{Counts, first_lengths};
use super::refit::Form;
use super::statistics::Gram;
use kerf_kernels::Compute;
use kerf_kernels::dispatch::Price;
use kerf_tensors::{Grid, Mask, Scales, Values, nearest_column_factor};

/// Price of a bit, as a share of the error of a whole quantization step.
pub const PRICE: f64 = 0.15;
/// Default quantization step. It gives about two bits a weight.
pub const DEFAULT_STEP: f64 = 1.0;
/// Power of the root mean square of a row that its step follows.
const ROW_POWER: f64 = 0.5;
/// Power of u_jj that the factor of a column follows.
const COLUMN_POWER: f64 = 0.75;
/// Largest code for the largest weight of a column. It is below 127, because weights take over errors of other weights.
const LARGEST_CODE: f32 = 100.0;
/// Largest code for the largest weight of a row, where columns have no factors.
const LARGEST_CODE_OF_A_ROW: f32 = 116.0;
/// Most steps in the root mean square of a row.
const WIDEST_ROW: f64 = 25.0;
/// How much wider a column becomes whose codes do not fit.
const WIDER: f32 = 1.5;
/// The grid: codes of eight bits, one scale for each row, a factor for each column. Most codes are never used.
pub const GRID: Grid = Grid {
    scales: Scales::Columns,
    ..Grid::new(8, 0)
};

/// Solves a matrix with the problem's quantization step. `fallback` solves a matrix whose Hessian has no factor.
pub fn solve(
    compute: &Compute,
    p: &Problem<'_>,
    method: &'static str,
    fallback: Fallback,
) -> Solved {
    solve_with(compute, p, method, fallback, Steps::of)
}

/// [`solve`], but a step is that of its row alone: a multiple of the root mean square of the row.
pub fn solve_by_rows(
    compute: &Compute,
    p: &Problem<'_>,
    method: &'static str,
    fallback: Fallback,
) -> Solved {
    solve_with(compute, p, method, fallback, Steps::of_rows)
}

/// Makes the steps of a problem, whose weights come with it: those of dead inputs are 0.
type MakeSteps = fn(&Compute, &Problem<'_>, &[f32], &Factor) -> Steps;

fn solve_with(
    compute: &Compute,
    p: &Problem<'_>,
    method: &'static str,
    fallback: Fallback,
    steps: MakeSteps,
) -> Solved {
    let mut prepared = match Prepared::of(compute, p, fallback) {
        Ok(prepared) => prepared,
        Err(solved) => return *solved,
    };
    let w = std::mem::take(&mut prepared.w);
    let mut steps = steps(compute, p, &w, prepared.factor);
    let p = &Problem {
        grid: Some(steps.grid()),
        ..*p
    };
    let (mut rounded, energy) = loop {
        let attempt = attempt(compute, p, prepared.factor, &w, &steps);
        if compute.pool.stopped() || !steps.widen(p.cols, &attempt.0.codes) {
            break attempt;
        }
    };
    rounded.mask = Some(nonzero(compute, p, &rounded.codes));
    rounded.scales = steps.rows;
    let mut matrix = rounded.into_matrix(compute, p);
    if let Values::Codes { columns, .. } = &mut matrix.values {
        *columns = steps.columns;
    }
    Solved {
        matrix,
        damped: Some(prepared.damped(energy)),
        method,
        repairs: prepared.repairs,
    }
}

/// Codes for the weights `w` at these steps, and the damped energy of their error.
fn attempt(
    compute: &Compute,
    p: &Problem<'_>,
    factor: &Factor,
    w: &[f32],
    steps: &Steps,
) -> (Rounded, f64) {
    let gram = &p.inputs.expect("a calibrated method").gram;
    let scaled = || columns::scaled(compute, gram, factor, &steps.columns);
    let scaled = (!steps.columns.is_empty()).then(scaled);
    let (gram, factor) = match &scaled {
        Some((gram, factor)) => (gram, factor),
        None => (gram, factor),
    };
    let w = steps.in_steps(compute, w, p.cols);
    let lambda = (PRICE * residual(&factor.inverse_diagonal)) as f32;
    let lengths = first_lengths();
    let is_step = |step: &f32| f32::from(*step > 0.0);
    let start = Start {
        w: w.clone(),
        mask: None,
        scales: Some(steps.rows.iter().map(is_step).collect()),
        price: Some(Price {
            lambda,
            bits: &lengths,
        }),
    };
    let run = || obs_loop::run(compute, start, p, factor);
    let mut rounded = compute.meter.section("rounding", run);
    if p.params.integer(&SWEEPS) > 0 {
        let descend = || descend(compute, p, (gram, factor), lambda, &w, &mut rounded);
        compute.meter.section("descent", descend);
    }
    let energies = rounded.energy.iter().zip(&steps.rows);
    let energy = energies.map(|(energy, step)| energy * f64::from(*step).powi(2));
    let energy = energy.sum();
    (rounded, energy)
}

/// Runs sweeps at the price `lambda` of a bit. Each sweep takes the code lengths from the codes before it.
fn descend(
    compute: &Compute,
    p: &Problem<'_>,
    (gram, factor): (&Gram, &Factor),
    lambda: f32,
    w: &[f32],
    rounded: &mut Rounded,
) {
    let mut descent = Descent::new(Form::of(compute, gram, factor), p, w, rounded);
    for _ in 0..p.params.integer(&SWEEPS) {
        let lengths = Counts::of(compute, &rounded.codes, p.cols).lengths();
        let price = Price {
            lambda,
            bits: &lengths,
        };
        descent.sweep(rounded, Some(price));
    }
    rounded.energy = descent.energy(w, rounded);
}

/// The steps of a matrix: that of the weight in row i and column j is `rows[i] * columns[j]`, or `rows[i]` without factors of columns.
struct Steps {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Steps {
    /// Steps for the step of a problem, in which the codes of all weights fit. The geometric mean of the columns is near 1.
    fn of(compute: &Compute, p: &Problem<'_>, w: &[f32], factor: &Factor) -> Self {
        let rows = row_steps(compute, w, p.cols, p.step.unwrap_or(DEFAULT_STEP));
        let mut columns = columns::factors(factor, COLUMN_POWER);
        let largest = largest_in_columns(compute, w, p.cols, &rows);
        for (factor, largest) in columns.iter_mut().zip(largest) {
            *factor = at_least(*factor, largest / LARGEST_CODE);
        }
        Self { rows, columns }
    }

    /// Steps of rows alone: near the step of a problem times the root mean square of a row, or larger if the largest weight of the
    /// row would otherwise exceed the largest code. Clipping a single weight can break a model.
    fn of_rows(compute: &Compute, p: &Problem<'_>, w: &[f32], _: &Factor) -> Self {
        let (cols, step) = (p.cols, p.step.unwrap_or(DEFAULT_STEP));
        let rows = compute.pool.map(w.len() / cols.max(1), |row| {
            let row = &w[row * cols..(row + 1) * cols];
            let square = f64::from(compute.kernels.dot(row, row)) / cols as f64;
            let largest = row.iter().fold(0.0f32, |most, w| most.max(w.abs()));
            let least = largest / LARGEST_CODE_OF_A_ROW;
            GRID.scales
                .nearest(((step * square.sqrt()) as f32).max(least))
        });
        let columns = Vec::new();
        Self { rows, columns }
    }

    fn grid(&self) -> Grid {
        match self.columns.is_empty() {
            true => Grid {
                scales: Scales::Float5,
                ..GRID
            },
            false => GRID,
        }
    }

    /// Widens the columns in which a code is at the end of its range, so that the weight may be beyond. Says whether there was one.
    fn widen(&mut self, cols: usize, codes: &[i8]) -> bool {
        if self.columns.is_empty() {
            return false;
        }
        let range = GRID.range();
        let mut full = vec![false; cols];
        for codes in codes.chunks(cols) {
            let at_end = codes
                .iter()
                .map(|code| *code == range.lo || *code == range.hi);
            full.iter_mut()
                .zip(at_end)
                .for_each(|(full, at_end)| *full |= at_end);
        }
        let full = self
            .columns
            .iter_mut()
            .zip(&full)
            .filter(|(_, full)| **full);
        let mut any = false;
        for (factor, _) in full {
            let wider = at_least(*factor, *factor * WIDER);
            any |= wider != *factor;
            *factor = wider;
        }
        any
    }

    /// Weights in units of their steps; 0 where the step of a row is 0.
    fn in_steps(&self, compute: &Compute, w: &[f32], cols: usize) -> Vec<f32> {
        let inverse: Vec<f32> = self.columns.iter().map(|factor| 1.0 / factor).collect();
        let mut w = w.to_vec();
        each_row(compute, &mut w, cols, |row, values| {
            let step = self.rows[row];
            let of_row = if step > 0.0 { 1.0 / step } else { 0.0 };
            values.iter_mut().for_each(|value| *value *= of_row);
            let pairs = values.iter_mut().zip(&inverse);
            pairs.for_each(|(value, inverse)| *value *= inverse);
        });
        w
    }
}

/// The factor nearest to `factor` that is not below `least`.
fn at_least(factor: f32, least: f32) -> f32 {
    match nearest_column_factor(factor) {
        below if below < least => nearest_column_factor(least * 1.125),
        factor => factor,
    }
}

/// The quantization step of each row, as a scale of the grid: `step` times a mean of the root mean square of the row's weights and
/// of that of all rows, or larger if the weights of the row would be too many steps wide.
fn row_steps(compute: &Compute, w: &[f32], cols: usize, step: f64) -> Vec<f32> {
    let sizes = compute.pool.map(w.len() / cols.max(1), |row| {
        let row = &w[row * cols..(row + 1) * cols];
        (f64::from(compute.kernels.dot(row, row)) / cols as f64).sqrt()
    });
    let live = sizes.iter().filter(|size| **size > 0.0);
    let logs: f64 = live.clone().map(|size| size.ln()).sum();
    let mean = (logs / live.count().max(1) as f64).exp();
    let step = |size: f64| {
        let asked = step * size.powf(ROW_POWER) * mean.powf(1.0 - ROW_POWER);
        GRID.scales.nearest(asked.max(size / WIDEST_ROW) as f32)
    };
    let steps = sizes
        .iter()
        .map(|size| if *size > 0.0 { step(*size) } else { 0.0 });
    steps.collect()
}

/// The largest weight of each column in steps of its row.
fn largest_in_columns(compute: &Compute, w: &[f32], cols: usize, steps: &[f32]) -> Vec<f32> {
    let panels = compute.pool.map(steps.len().div_ceil(PANEL_ROWS), |panel| {
        let mut largest = vec![0.0f32; cols];
        let first = panel * PANEL_ROWS;
        for (row, step) in steps.iter().enumerate().skip(first).take(PANEL_ROWS) {
            let inverse = if *step > 0.0 { 1.0 / step } else { 0.0 };
            for (largest, w) in largest.iter_mut().zip(&w[row * cols..]) {
                *largest = largest.max(w.abs() * inverse);
            }
        }
        largest
    });
    let mut largest = vec![0.0f32; cols];
    for panel in panels {
        largest
            .iter_mut()
            .zip(panel)
            .for_each(|(all, own)| *all = all.max(own));
    }
    largest
}

/// The geometric mean of 1 / u_jj^2: the mean error of one whole quantization step.
pub fn residual(inverse_diagonal: &[f32]) -> f64 {
    let logs = inverse_diagonal
        .iter()
        .map(|inverse| f64::from(*inverse).ln());
    (2.0 * logs.sum::<f64>() / inverse_diagonal.len().max(1) as f64).exp()
}

fn nonzero(compute: &Compute, p: &Problem<'_>, codes: &[i8]) -> Mask {
    let mut mask = Mask::empty(p.rows, p.cols);
    let stride = mask.stride;
    compute
        .pool
        .chunks_mut(&mut mask.bits, stride, |row, bits| {
            let codes = &codes[row * p.cols..(row + 1) * p.cols];
            for (byte, codes) in bits.iter_mut().zip(codes.chunks(8)) {
                let set = codes.iter().enumerate();
                *byte = set.fold(0, |byte, (j, code)| byte | u8::from(*code != 0) << j);
            }
        });
    mask
}

fn each_row(
    compute: &Compute,
    w: &mut [f32],
    cols: usize,
    each: impl Fn(usize, &mut [f32]) + Sync,
) {
    let len = PANEL_ROWS * cols.max(1);
    compute.pool.chunks_mut(w, len, |panel, rows| {
        for (i, row) in rows.chunks_mut(cols).enumerate() {
            each(panel * PANEL_ROWS + i, row);
        }
    });
}

/// Cost of [`solve`] in the unit of `Method::products`.
pub fn products(of: &Extent) -> f64 {
    const ROUNDING: f64 = 0.5;
    ROUNDING + descent::products(of.params.integer(&SWEEPS))
}

/// Memory of [`solve`] in bytes, including its result.
pub fn memory_bytes(of: &Extent) -> u64 {
    let of = &Extent {
        grid: Some(GRID),
        ..*of
    };
    // The second moments and their factor in units of the columns; the quantization steps; the weights, and in units of the steps;
    // the values that they are rounded to; the mask of the nonzeros.
    let steps = of.columns(1);
    let descent = match of.params.integer(&SWEEPS) {
        0 => 0,
        _ => descent::memory_bytes(of),
    };
    let of_columns = 2 * of.square() + of.rows_of(4);
    3 * of.matrix() + obs_loop::memory_bytes(of) + descent + of.mask() + steps + of_columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::param::Params;
    use crate::solve::pattern::Pattern;
    use crate::solve::problem::Inputs;
    use crate::solve::statistics::tests::{random, random_gram};
    use kerf_tensors::DType;

    /// Codes end at 127. With the requested quantization step, the weight would be clipped to a third.
    #[test]
    fn a_weight_far_beyond_its_row_stays_within_a_step() {
        let (rows, n, step) = (6, 512, 0.1);
        let compute = Compute::new(None, 2).unwrap();
        let mut w = random(rows * n, 1);
        let rms = |row: &[f32]| (row.iter().map(|w| w * w).sum::<f32>() / n as f32).sqrt();
        let (row, col) = (2, 77);
        w[row * n + col] = -60.0 * rms(&w[row * n..][..n]);
        let inputs = Inputs::new(random_gram(&compute, 2000, n, 2));
        let solved = solve(
            &compute,
            &Problem {
                name: "w",
                w: &w,
                rows,
                cols: n,
                sparsity: 0.0,
                pattern: Pattern::Unstructured,
                support: None,
                grid: None,
                dtype: DType::F32,
                damping_rel: 0.01,
                step: Some(step),
                params: Params::new(&[("sweeps", 2.0)]),
                inputs: Some(&inputs),
            },
            "entropy",
            |_, _| unreachable!("the statistics have a factor"),
        );
        let Values::Codes {
            scales, columns, ..
        } = &solved.matrix.values
        else {
            panic!("not codes")
        };
        let decoded = solved.matrix.dequantize(&compute.kernels);
        let lost = (decoded[row * n + col] - w[row * n + col]).abs();
        let own = scales[row] * columns[col];
        assert!(lost <= own, "{lost} of {own}");
        assert!(columns[col] > 3.0, "{}", columns[col]);
        // Rows have the requested quantization step, and other columns no more than their share.
        let asked = step as f32 * rms(&w[..n]);
        assert!((scales[0] / asked - 1.0).abs() < 0.15, "{}", scales[0]);
        let largest = (columns.iter().enumerate()).filter(|(j, _)| *j != col);
        let largest = largest.fold(0.0f32, |most, (_, factor)| most.max(*factor));
        assert!(largest <= 1.5, "{largest}");
    }
}
