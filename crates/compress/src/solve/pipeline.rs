//! Support, values, grid, codes: the steps of the solvers beyond optimal brain surgeon, of which each method takes some.

use super::admm;
use super::descent::{self, Descent};
use super::effort::{ITERATIONS, SWEEPS};
use super::extent::Extent;
use super::obs_loop::{self, Rounded, Start};
use super::prepare::Prepared;
use super::problem::{Fallback, Problem, Solved};
use super::refit::{self, Form, refit};
use crate::solve::pattern::Pattern;
use kerf_kernels::Compute;
use kerf_tensors::rounding::round_to_grid;
use kerf_tensors::{DType, Grid, Mask, Values};

/// Steps of conjugate gradients after the search, which leaves the survivors close to their best values. (A second one is worth less
/// than an iteration of the search, which costs as much.)
const REFIT_STEPS: usize = 1;

/// Which steps a method takes.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// The support is searched by ADMM, and the survivors are refitted; else both are those of optimal brain surgeon.
    pub search: bool,
    /// Codes are improved by coordinate descent.
    pub descend: bool,
}

impl Steps {
    /// Memory of [`solve`], the result included.
    pub fn memory_bytes(&self, of: &Extent) -> u64 {
        // The weights, with those of dead inputs set to zero.
        let (weights, values) = (of.matrix(), of.matrix());
        let descend = self.descend && of.params.integer(&SWEEPS) > 0 && of.grid.is_some();
        let descent = if descend {
            descent::memory_bytes(of)
        } else {
            0
        };
        let surgeon = obs_loop::memory_bytes(of);
        if !(self.search && of.params.integer(&ITERATIONS) > 0 && of.prunes) {
            let copy = if descend { values } else { 0 };
            return weights + copy + surgeon + descent;
        }
        let search = admm::memory_bytes(of).max(values + of.mask() + refit::memory_bytes(of));
        // The values that were searched, and what was rounded from them.
        let rounded = values + values + of.codes() + of.mask();
        let codes = match (of.grid, descend) {
            (None, _) => values,
            (_, true) => rounded + descent,
            (_, false) => rounded + surgeon,
        };
        weights + search.max(codes)
    }

    /// Products of [`solve`], see `Method::products`; measured, as they depend on how often something is tried.
    pub fn products(&self, of: &Extent) -> f64 {
        const ROUNDING: f64 = 0.5;
        const ITERATION: f64 = 1.35;
        const REFIT: f64 = 2.0;
        let descent = match self.descend && of.grid.is_some() {
            true => descent::products(of.params.integer(&SWEEPS)),
            false => ROUNDING,
        };
        match self.search && of.params.integer(&ITERATIONS) > 0 && of.prunes {
            true => ITERATION * of.params.integer(&ITERATIONS) as f64 + REFIT + descent,
            false => ROUNDING + descent,
        }
    }
}

/// Solves a matrix by the steps, in this order: the support; the values of the survivors on it; a grid fitted to those values; codes
/// by optimal brain surgeon on the fixed support, or where coordinate descent follows, the nearest ones (from which it arrives at
/// smaller errors); sweeps of coordinate descent, in which weights may take one another's place.
///
/// Without a grid the values are the result. `fallback` solves what has no factor.
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
    // A matrix of narrow floats is rounded once more, so its error is another.
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
        compute.meter.step("rounding", run)
    };
    let descend = steps.descend && p.params.integer(&SWEEPS) > 0 && p.grid.is_some();
    if steps.search && p.params.integer(&ITERATIONS) > 0 && p.sparsity > 0.0 {
        let (mask, x) = search(compute, p, &w, prepared);
        let Some(grid) = p.grid else {
            return floats(mask, x);
        };
        let nearest = || nearest(compute, p, grid, &x, mask);
        let rounded = compute.meter.step("rounding", nearest);
        if descend {
            let start = || Descent::new(form(compute, p, prepared), p, &w, &rounded);
            let descent = compute.meter.step("descent", start);
            return descended(compute, descent, p, rounded);
        }
        return surgeon(Start {
            scales: Some(rounded.scales),
            mask: rounded.mask,
            ..Start::of(w)
        });
    }
    if !descend {
        return surgeon(Start::of(w));
    }
    let mut rounded = surgeon(Start::of(w.clone()));
    let start = || Descent::new(form(compute, p, prepared), p, &w, &rounded);
    let mut descent = compute.meter.step("descent", start);
    // A single sweep has no time to make up for what moves: the layer's error falls, that of the network grows.
    if p.pattern == Pattern::Unstructured && p.sparsity > 0.0 && p.params.integer(&SWEEPS) > 1 {
        let swap = || descent.swap(&mut rounded, p.params.integer(&SWEEPS));
        compute.meter.step("descent", swap);
    }
    descended(compute, descent, p, rounded)
}

/// Coordinate descent from codes.
fn descended(
    compute: &Compute,
    descent: Descent<'_>,
    p: &Problem<'_>,
    mut rounded: Rounded,
) -> Rounded {
    let sweep = || descent.sweeps(&mut rounded, p.params.integer(&SWEEPS));
    compute.meter.step("descent", sweep);
    rounded.energy = Vec::new(); // That of the codes before.
    rounded
}

fn form<'a>(compute: &'a Compute, p: &Problem<'a>, prepared: &Prepared<'_>) -> Form<'a> {
    let gram = &p.inputs.expect("a calibrated method").gram;
    Form::of(compute, gram, prepared.factor)
}

/// Support and values by ADMM and conjugate gradients.
fn search(
    compute: &Compute,
    p: &Problem<'_>,
    w: &[f32],
    prepared: &Prepared<'_>,
) -> (Mask, Vec<f32>) {
    let support = || {
        admm::support(
            compute,
            w,
            p,
            prepared.factor,
            p.params.integer(&ITERATIONS),
        )
    };
    let found = compute.meter.step("support", support);
    let mut x = found.x;
    let form = form(compute, p, prepared);
    compute.meter.step("refit", || {
        refit(&form, w, &found.mask, &mut x, REFIT_STEPS)
    });
    (found.mask, x)
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

/// The nearest codes to `x` on a grid that is fitted to the survivors.
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
