//! Support, values, grid, codes: the steps of the solvers beyond optimal brain surgeon, of which each method takes some.

use super::admm;
use super::descent::Descent;
use super::obs_loop::{self, Rounded, Start};
use super::prepare::Prepared;
use super::refit::{Form, refit};
use crate::methods::{Problem, Solved, magnitude};
use crate::pattern::Pattern;
use kerf_kernels::Compute;
use kerf_tensors::rounding::round_to_grid;
use kerf_tensors::{DType, Grid, Mask, Values};

/// Steps of conjugate gradients after the search, which leaves the survivors close to their best values.
const REFIT_STEPS: usize = 2;

/// Which steps a method takes.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// The support is searched by ADMM, and the survivors are refitted; else both are those of optimal brain surgeon.
    pub search: bool,
    /// Codes are improved by coordinate descent.
    pub descend: bool,
}

/// Solves a matrix by the steps, in this order: the support; the values of the survivors on it; a grid fitted to those values; codes
/// by optimal brain surgeon on the fixed support, or where coordinate descent follows, the nearest ones (from which it arrives at
/// smaller errors); sweeps of coordinate descent, in which weights may take one another's place.
///
/// Without a grid the values are the result.
pub fn solve(compute: &Compute, p: &Problem<'_>, method: &'static str, steps: Steps) -> Solved {
    let mut prepared = match Prepared::of(compute, p, &magnitude::Magnitude) {
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
    let surgeon = |start| obs_loop::run(compute, start, p, prepared.factor);
    let descend = steps.descend && p.effort.sweeps > 0 && p.grid.is_some();
    if steps.search && p.effort.iterations > 0 && p.sparsity > 0.0 {
        let (mask, x) = search(compute, p, &w, prepared);
        let Some(grid) = p.grid else {
            return floats(mask, x);
        };
        let rounded = nearest(compute, p, grid, &x, mask);
        if descend {
            let descent = Descent::new(form(compute, p, prepared), p, &w, &rounded);
            return descended(descent, p, &w, rounded);
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
    let mut descent = Descent::new(form(compute, p, prepared), p, &w, &rounded);
    // A single sweep has no time to make up for what moves: the layer's error falls, that of the network grows.
    if p.pattern == Pattern::Unstructured && p.sparsity > 0.0 && p.effort.sweeps > 1 {
        descent.swap(&mut rounded, p.effort.sweeps);
    }
    descended(descent, p, &w, rounded)
}

/// Coordinate descent from codes.
fn descended(
    mut descent: Descent<'_>,
    p: &Problem<'_>,
    w: &[f32],
    mut rounded: Rounded,
) -> Rounded {
    descent.sweeps(&mut rounded, None, p.effort.sweeps);
    rounded.energy = descent.energy(w, &rounded);
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
    let found = admm::support(compute, w, p, prepared.factor, p.effort.iterations);
    let mut x = found.x;
    refit(
        &form(compute, p, prepared),
        w,
        &found.mask,
        &mut x,
        REFIT_STEPS,
    );
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
