//! The stages of the solvers beyond optimal brain surgeon: support, values, grid, codes. Each method uses some of them.

use super::PANEL_ROWS;
use super::admm;
use super::descent::{self, Descent};
use super::effort::{ITERATIONS, SWEEPS};
use super::extent::Extent;
use super::obs_loop::{self, Rounded, Start};
use super::panels::each_panel;
use super::prepare::Prepared;
use super::problem::{Fallback, Problem, Solved};
use super::refit::{self, Form, refit};
use crate::solve::pattern::Pattern;
use kerf_kernels::Compute;
use kerf_tensors::rounding::round_to_grid;
use kerf_tensors::{DType, Grid, Mask, Values};

/// Iterations of conjugate gradients after the search. The search leaves the survivors close to their best values. A second
/// iteration is worth less than an iteration of the search, which costs as much.
const REFIT_STEPS: usize = 1;

/// The stages that a method uses.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Whether ADMM searches the support and the survivors are refitted. Otherwise optimal brain surgeon chooses both.
    pub search: bool,
    /// Whether coordinate descent improves the codes.
    pub descend: bool,
}

impl Steps {
    /// Memory of [`solve`] in bytes, including its result.
    pub fn memory_bytes(&self, of: &Extent) -> u64 {
        // The weights, in which those of dead inputs are zero.
        let (weights, values) = (of.matrix(), of.matrix());
        let descend = self.descend && of.params.integer(&SWEEPS) > 0 && of.grid.is_some();
        let descent = if descend {
            descent::memory_bytes(of)
        } else {
            0
        };
        let surgeon = obs_loop::memory_bytes(of);
        let copy = if descend { values } else { 0 };
        let unsearched = weights + copy + surgeon + descent;
        if !(self.search && of.params.integer(&ITERATIONS) > 0 && (of.prunes || of.keep_mask)) {
            return unsearched;
        }
        let refit = values + of.mask() + refit::memory_bytes(of);
        let search = match of.prunes {
            true => admm::memory_bytes(of).max(refit),
            false => refit,
        };
        // The values that the search found, and the values and codes that they are rounded to.
        let rounded = values + values + of.codes() + of.mask();
        let codes = match (of.grid, descend) {
            (None, _) => values,
            (_, true) => rounded + descent,
            (_, false) => rounded + surgeon,
        };
        let searched = weights + search.max(codes);
        match of.keep_mask {
            // A source without zeros has no support to keep.
            true => searched.max(unsearched),
            false => searched,
        }
    }

    /// Cost of [`solve`] in the unit of `Method::products`. The factors are measured, since they depend on how often something is
    /// tried.
    pub fn products(&self, of: &Extent) -> f64 {
        const ROUNDING: f64 = 0.5;
        const ITERATION: f64 = 1.35;
        const REFIT: f64 = 2.0;
        let descent = match self.descend && of.grid.is_some() {
            true => descent::products(of.params.integer(&SWEEPS)),
            false => ROUNDING,
        };
        match self.search && of.params.integer(&ITERATIONS) > 0 && (of.prunes || of.keep_mask) {
            true => ITERATION * of.params.integer(&ITERATIONS) as f64 + REFIT + descent,
            false => ROUNDING + descent,
        }
    }
}

/// Solves a matrix in stages: the support, the values of the survivors, a grid fitted to these values, and codes on the grid.
///
/// With a search, the codes are the nearest ones if coordinate descent follows, which then arrives at smaller errors; else
/// optimal brain surgeon chooses them on the fixed support. Without a search, optimal brain surgeon chooses support and codes.
/// Sweeps of coordinate descent are the last stage; without a search, weights may first move in and out of the support.
///
/// A support that the problem comes with takes the place of the search, and nothing moves in or out of it.
///
/// Without a grid the values are the result. `fallback` solves a matrix whose Hessian has no factor.
pub fn solve(
    compute: &Compute,
    p: &Problem<'_>,
    method: &'static str,
    steps: Steps,
    fallback: Fallback,
) -> Solved {
    let mut prepared = match Prepared::of(compute, p, fallback) {
        Ok(prepared) => prepared,
        Err(solved) => return *solved,
    };
    let w = std::mem::take(&mut prepared.w);
    let rounded = run(compute, p, steps, w, &prepared);
    // A matrix of narrow floats is rounded once more, so the summed error would be wrong.
    let exact = p.grid.is_some() || p.dtype == DType::F32;
    let energy = exact.then(|| rounded.total_energy()).flatten();
    Solved {
        damped: energy.map(|energy| prepared.damped(energy)),
        matrix: rounded.into_matrix(compute, p),
        method,
        repairs: prepared.repairs,
    }
}

fn run(
    compute: &Compute,
    p: &Problem<'_>,
    steps: Steps,
    w: Vec<f32>,
    prepared: &Prepared<'_>,
) -> Rounded {
    let surgeon = |start| {
        let run = || obs_loop::run(compute, start, p, prepared.factor);
        compute.meter.section("rounding", run)
    };
    let descend = steps.descend && p.params.integer(&SWEEPS) > 0 && p.grid.is_some();
    let fixed = |w| Start {
        mask: p.support.cloned(),
        ..Start::of(w)
    };
    let removes = p.sparsity > 0.0 || p.support.is_some();
    if steps.search && p.params.integer(&ITERATIONS) > 0 && removes {
        let (mask, x) = search(compute, p, &w, prepared);
        let Some(grid) = p.grid else {
            return floats(mask, x);
        };
        let nearest = || nearest(compute, p, grid, &x, mask);
        let rounded = compute.meter.section("rounding", nearest);
        if descend {
            let start = || Descent::new(form(compute, p, prepared), p, &w, &rounded);
            let descent = compute.meter.section("descent", start);
            return descended(compute, descent, p, rounded);
        }
        return surgeon(Start {
            scales: Some(rounded.scales),
            mask: rounded.mask,
            ..Start::of(w)
        });
    }
    if !descend {
        return surgeon(fixed(w));
    }
    let mut rounded = surgeon(fixed(w.clone()));
    let start = || Descent::new(form(compute, p, prepared), p, &w, &rounded);
    let mut descent = compute.meter.section("descent", start);
    // A single sweep has no time to make up for what moves: the layer's error falls, that of the network grows.
    if p.pattern == Pattern::Unstructured && p.sparsity > 0.0 && p.params.integer(&SWEEPS) > 1 {
        let swap = || descent.swap(&mut rounded, p.params.integer(&SWEEPS));
        compute.meter.section("descent", swap);
    }
    descended(compute, descent, p, rounded)
}

/// Runs coordinate descent from the codes in `rounded`.
fn descended(
    compute: &Compute,
    descent: Descent<'_>,
    p: &Problem<'_>,
    mut rounded: Rounded,
) -> Rounded {
    let sweep = || descent.sweeps(&mut rounded, p.params.integer(&SWEEPS));
    compute.meter.section("descent", sweep);
    rounded.energy = Vec::new(); // The energy belonged to the codes before the descent.
    rounded
}

fn form<'a>(compute: &'a Compute, p: &Problem<'a>, prepared: &Prepared<'_>) -> Form<'a> {
    let gram = &p.inputs.expect("a calibrated method").gram;
    Form::of(compute, gram, prepared.factor)
}

/// Support and values, by ADMM and conjugate gradients; on the support of the problem by the latter alone, which then have
/// farther to go.
fn search(
    compute: &Compute,
    p: &Problem<'_>,
    w: &[f32],
    prepared: &Prepared<'_>,
) -> (Mask, Vec<f32>) {
    let iterations = p.params.integer(&ITERATIONS);
    let (mask, mut x, steps) = match p.support {
        Some(support) => (support.clone(), masked(compute, p, w, support), iterations),
        None => {
            let support = || admm::support(compute, w, p, prepared.factor, iterations);
            let found = compute.meter.section("support", support);
            (found.mask, found.x, REFIT_STEPS)
        }
    };
    let form = form(compute, p, prepared);
    compute
        .meter
        .section("refit", || refit(&form, w, &mask, &mut x, steps));
    (mask, x)
}

/// The weights, zero outside the support.
fn masked(compute: &Compute, p: &Problem<'_>, w: &[f32], support: &Mask) -> Vec<f32> {
    let mut x = w.to_vec();
    each_panel(&compute.pool, p.cols, [&mut x], |panel, [x]| {
        for (i, row) in x.chunks_mut(p.cols).enumerate() {
            let mask = support.row(panel * PANEL_ROWS + i);
            compute.kernels.apply_mask(row, mask);
        }
    });
    x
}

/// A result without a grid.
fn floats(mask: Mask, w: Vec<f32>) -> Rounded {
    Rounded {
        w,
        mask: Some(mask),
        codes: Vec::new(),
        scales: Vec::new(),
        energy: Vec::new(),
    }
}

/// The codes nearest to `x`, on a grid that is fitted to the survivors.
fn nearest(compute: &Compute, p: &Problem<'_>, grid: Grid, x: &[f32], mask: Mask) -> Rounded {
    let matrix = round_to_grid(compute, x, p.rows, p.cols, grid, Some(mask));
    let w = matrix.dequantize_on(compute);
    let (codes, scales) = match matrix.values {
        Values::Codes { codes, scales, .. } => (codes, scales),
        Values::Float { .. } => unreachable!("rounded to a grid"),
    };
    Rounded {
        w,
        mask: matrix.mask,
        codes,
        scales,
        energy: Vec::new(),
    }
}
