//! Support, values, grid, codes: the steps of the solvers beyond optimal brain surgeon, of which each method takes some.

use super::PANEL_ROWS;
use super::admm;
use super::descent::Descent;
use super::obs_loop::{self, Rounded, Start};
use super::prepare::Prepared;
use super::refit::{Form, refit};
use crate::methods::{Problem, Solved, magnitude};
use crate::report::Repair;
use kerf_kernels::Compute;
use kerf_tensors::{DType, Grid, Mask};

/// Steps of conjugate gradients after the search, which leaves the survivors close to their best values.
const REFIT_STEPS: usize = 8;

/// Which steps a method takes.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// The support is searched by ADMM, and the survivors are refitted; else both are those of optimal brain surgeon.
    pub search: bool,
    /// Codes are improved by coordinate descent.
    pub descend: bool,
}

/// Solves a matrix by the steps, in this order: the support; the values of the survivors on it; a grid fitted to those values; codes
/// by optimal brain surgeon on the fixed support; sweeps of coordinate descent over the codes.
///
/// Without a grid the values are the result.
pub fn solve(compute: &Compute, p: &Problem<'_>, method: &'static str, steps: Steps) -> Solved {
    let mut prepared = match Prepared::of(compute, p, &magnitude::Magnitude) {
        Ok(prepared) => prepared,
        Err(solved) => return *solved,
    };
    let w = std::mem::take(&mut prepared.w);
    let (rounded, energy) = run(compute, p, steps, w, &prepared);
    Solved {
        matrix: rounded.into_matrix(compute, p),
        damped: energy.map(|energy| prepared.damped(energy)),
        method,
        repairs: std::mem::take(&mut prepared.repairs) as Vec<Repair>,
    }
}

/// The result and its damped energy, where a step knows it.
fn run(
    compute: &Compute,
    p: &Problem<'_>,
    steps: Steps,
    w: Vec<f32>,
    prepared: &Prepared<'_>,
) -> (Rounded, Option<f64>) {
    let searched = steps.search && p.effort.iterations > 0 && p.sparsity > 0.0;
    let survivors = searched.then(|| search(compute, p, &w, prepared));
    let Some(grid) = p.grid else {
        return match survivors {
            Some((mask, x)) => (floats(mask, x), None),
            None => {
                let rounded = obs_loop::run(compute, Start::of(w), p, prepared.factor);
                let energy = (p.dtype == DType::F32).then_some(rounded.energy);
                (rounded, energy)
            }
        };
    };
    let start = match survivors {
        Some((mask, x)) => Start {
            scales: Some(fit_scales(compute, p, grid, &x, Some(&mask))),
            mask: Some(mask),
            ..Start::of(w.clone())
        },
        None => Start::of(w.clone()),
    };
    let mut rounded = obs_loop::run(compute, start, p, prepared.factor);
    let mut energy = rounded.energy;
    if steps.descend && p.effort.sweeps > 0 {
        let form = form(compute, p, prepared);
        let mut descent = Descent::new(form, p, &w, &rounded);
        descent.sweeps(&mut rounded, None, p.effort.sweeps);
        energy = descent.energy(&w, &rounded);
    }
    (rounded, Some(energy))
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
        energy: 0.0,
    }
}

/// The scale of every group with the least squared error over its survivors, [rows, groups].
fn fit_scales(
    compute: &Compute,
    p: &Problem<'_>,
    grid: Grid,
    x: &[f32],
    mask: Option<&Mask>,
) -> Vec<f32> {
    let (cols, group, groups) = (p.cols, grid.group_cols(p.cols), grid.groups(p.cols));
    let mut scales = vec![0.0; p.rows * groups];
    let kernels = &compute.kernels;
    compute
        .pool
        .chunks_mut(&mut scales, PANEL_ROWS * groups, |panel, scales| {
            for (i, scales) in scales.chunks_mut(groups).enumerate() {
                let row = panel * PANEL_ROWS + i;
                let values = x[row * cols..(row + 1) * cols].chunks(group);
                for (at, (values, scale)) in values.zip(scales).enumerate() {
                    let start = at * group;
                    let bits = mask.map(|mask| &mask.row(row)[start / 8..]);
                    *scale = grid.fit_scale(kernels, values, bits, start % 8);
                }
            }
        });
    scales
}
