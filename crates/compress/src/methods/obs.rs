//! Optimal brain surgeon, column by column (Frantar, Alistarh: SparseGPT, 2301.00774; with the grid inside the loop: GPTQ,
//! 2210.17323): when a weight is removed or rounded, the later weights of its row take over what they can of its effect.
//!
//! With U the upper factor of the inverse Hessian, (H + d)^-1 = U^T U, column j costs e = (w - q) / u_jj, and every later
//! column k gets w_k -= e u_jk. One factor serves all rows: at column j only the columns right of j may still change, and
//! the inverse of that part of H has (j, j) entry u_jj^2, whatever was removed before. Which weights go is decided block by
//! block of 128 columns, by (w / u_jj)^2 on the weights as they then are. The sum of e^2 is exactly tr(D (H + d) D^T).
//!
//! Cost: out in^2 flops, of which 128 / in happen in the row panels and the rest as a matrix product.

use super::{DampedEnergy, Method, Problem, Solved, magnitude};
use crate::report::Repair;
use crate::solve::factor::Factor;
use crate::solve::obs_loop;
use crate::statistics::Needs;
use kerf_kernels::Compute;

pub(super) struct Obs;

impl Method for Obs {
    fn id(&self) -> &'static str {
        "obs"
    }

    fn needs(&self) -> Needs {
        Needs::Gram
    }

    fn solve(&self, compute: &Compute, p: &Problem<'_>) -> Solved {
        let inputs = p.inputs.expect("the plan collects what a method needs");
        match inputs.factor(compute, p.damping_rel) {
            Ok(factor) => solve_with(compute, p, factor),
            Err(none) => {
                let mut solved = magnitude::Magnitude.solve(compute, p);
                solved.repairs.push(Repair::Fallback {
                    tensor: p.name.into(),
                    method: solved.method.into(),
                    reason: none.reason.clone(),
                });
                solved
            }
        }
    }
}

fn solve_with(compute: &Compute, p: &Problem<'_>, factor: &Factor) -> Solved {
    let mut repairs = Vec::new();
    if factor.damping_rel > p.damping_rel {
        repairs.push(Repair::DampingRaised {
            tensor: p.name.into(),
            damping_rel: factor.damping_rel,
        });
    }
    let mut w = p.w.to_vec();
    let mut dead = 0.0;
    if !factor.dead.is_empty() {
        repairs.push(Repair::DeadColumns {
            tensor: p.name.into(),
            columns: factor.dead.len(),
        });
        for row in w.chunks_mut(p.cols) {
            for &j in &factor.dead {
                dead += f64::from(row[j]).powi(2);
                row[j] = 0.0;
            }
        }
    }
    let (matrix, energy) = obs_loop::run(compute, w, p, factor);
    Solved {
        matrix,
        damped: energy.map(|energy| DampedEnergy {
            energy,
            damping: factor.damping,
            dead,
        }),
        method: "obs",
        repairs,
    }
}
