//! Rounding with a price for bits: entropy-constrained scalar quantization inside the loop of optimal brain surgeon, then
//! coordinate descent at the same price.
//!
//! Each row has its own quantization step, a multiple of the root mean square of its weights. All rows then have codes of one
//! distribution, which one static table describes, and outputs of small energy keep a fine step.
//!
//! In units of the quantization step, a bit costs lambda = [`PRICE`] times the geometric mean of 1 / u_jj^2. That mean is the
//! error of one whole step in an average column, after the other columns have compensated for it. The rate is controlled by the
//! quantization step and not by the price, because a higher price would turn rows with small codes into zeros.
//!
//! Code lengths are first those of a Laplace distribution. Each later pass uses the frequencies of the codes before it.
//!
//! Cost: that of optimal brain surgeon, and of the sweeps.

use super::PANEL_ROWS;
use super::descent::{self, Descent};
use super::effort::SWEEPS;
use super::extent::Extent;
use super::factor::Factor;
use super::obs_loop::{self, Rounded, Start};
use super::prepare::Prepared;
use super::problem::{Fallback, Problem, Solved};
use super::rate::{Counts, first_lengths};
use super::refit::Form;
use kerf_kernels::Compute;
use kerf_kernels::dispatch::Price;
use kerf_tensors::{Grid, Mask, Scales};

/// Price of a bit, as a share of the error of a whole quantization step.
pub const PRICE: f64 = 0.15;
/// Default quantization step. It gives about two bits a weight.
pub const DEFAULT_STEP: f64 = 1.0;
/// Largest code for the largest weight of a row. It is below 127, because the scale is rounded and because weights take over
/// errors of other weights.
const LARGEST_CODE: f32 = 116.0;
/// The grid: codes of eight bits, one scale for each row. Most codes are never used.
pub const GRID: Grid = Grid {
    scales: Scales::Float5,
    ..Grid::new(8, 0)
};

/// Solves a matrix with the problem's quantization step. `fallback` solves a matrix whose Hessian has no factor.
pub fn solve(
    compute: &Compute,
    p: &Problem<'_>,
    method: &'static str,
    fallback: Fallback,
) -> Solved {
    let mut prepared = match Prepared::of(compute, p, fallback) {
        Ok(prepared) => prepared,
        Err(solved) => return *solved,
    };
    let grid = GRID;
    let p = &Problem {
        grid: Some(grid),
        ..*p
    };
    let mut w = std::mem::take(&mut prepared.w);
    let steps = row_steps(compute, &w, p.cols, grid, p.step.unwrap_or(DEFAULT_STEP));
    each_row(compute, &mut w, p.cols, |row, values| {
        let inverse = if steps[row] > 0.0 {
            1.0 / steps[row]
        } else {
            0.0
        };
        values.iter_mut().for_each(|value| *value *= inverse);
    });
    let lambda = (PRICE * residual(&prepared.factor.inverse_diagonal)) as f32;
    let lengths = first_lengths();
    let start = Start {
        w: w.clone(),
        mask: None,
        scales: Some(steps.iter().map(|step| f32::from(*step > 0.0)).collect()),
        price: Some(Price {
            lambda,
            bits: &lengths,
        }),
    };
    let run = || obs_loop::run(compute, start, p, prepared.factor);
    let mut rounded = compute.meter.section("rounding", run);
    if p.params.integer(&SWEEPS) > 0 {
        let descend = || descend(compute, p, prepared.factor, lambda, &w, &mut rounded);
        compute.meter.section("descent", descend);
    }
    let energies = rounded.energy.iter().zip(&steps);
    let energy = energies
        .map(|(energy, step)| energy * f64::from(*step).powi(2))
        .sum();
    rounded.mask = Some(nonzero(compute, p, &rounded.codes));
    rounded.scales = steps;
    Solved {
        matrix: rounded.into_matrix(compute, p),
        damped: Some(prepared.damped(energy)),
        method,
        repairs: prepared.repairs,
    }
}

/// Runs sweeps at the price `lambda` of a bit. Each sweep takes the code lengths from the codes before it.
fn descend(
    compute: &Compute,
    p: &Problem<'_>,
    factor: &Factor,
    lambda: f32,
    w: &[f32],
    rounded: &mut Rounded,
) {
    let gram = &p.inputs.expect("a calibrated method").gram;
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

/// The quantization step of each row, as a scale of the grid. It is near `step` times the root mean square of the row's weights,
/// or larger if the largest weight would otherwise exceed the largest code. Clipping a single weight can break a model.
pub fn row_steps(compute: &Compute, w: &[f32], cols: usize, grid: Grid, step: f64) -> Vec<f32> {
    compute.pool.map(w.len() / cols.max(1), |row| {
        let row = &w[row * cols..(row + 1) * cols];
        let square = f64::from(compute.kernels.dot(row, row)) / cols as f64;
        let largest = row.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        let least = largest / LARGEST_CODE;
        grid.scales
            .nearest(((step * square.sqrt()) as f32).max(least))
    })
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
    // The quantization steps; the weights in units of them; the values that they are rounded to; the mask of the nonzeros.
    let steps = of.columns(1);
    let descent = match of.params.integer(&SWEEPS) {
        0 => 0,
        _ => descent::memory_bytes(of),
    };
    2 * of.matrix() + obs_loop::memory_bytes(of) + descent + of.mask() + steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::param::Params;
    use crate::solve::pattern::Pattern;
    use crate::solve::problem::Inputs;
    use crate::solve::statistics::tests::{random, random_gram};
    use kerf_tensors::{DType, Values};

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
        let Values::Codes { scales, .. } = &solved.matrix.values else {
            panic!("not codes")
        };
        let decoded = solved.matrix.dequantize(&compute.kernels);
        let lost = (decoded[row * n + col] - w[row * n + col]).abs();
        assert!(lost <= scales[row], "{lost} of {}", scales[row]);
        // Other rows have the requested quantization step.
        let asked = step as f32 * rms(&w[..n]);
        assert!((scales[0] / asked - 1.0).abs() < 0.05, "{}", scales[0]);
    }
}
