//! The first stage of every calibrated solver: it gets the factor of the inverse Hessian, zeroes the weights of dead inputs, and
//! notes repairs.

use super::factor::Factor;
use super::problem::{DampedEnergy, Fallback, Problem, Solved};
use super::repair::Repair;
use kerf_kernels::Compute;

/// Weights and factor for a solver.
pub struct Prepared<'a> {
    /// Weights [rows, cols]; those of dead inputs are zero.
    pub w: Vec<f32>,
    /// The factor of the inverse damped Hessian.
    pub factor: &'a Factor,
    /// Sum of the squares of the weights that were set to zero.
    dead: f64,
    /// Repairs so far.
    pub repairs: Vec<Repair>,
}

impl<'a> Prepared<'a> {
    /// Prepares a problem with statistics of its inputs. The first solver that asks computes the factor.
    ///
    /// # Errors
    /// The solution of `fallback`, with the reason as a repair, if the Hessian cannot be factored.
    pub fn of(compute: &Compute, p: &Problem<'a>, fallback: Fallback) -> Result<Self, Box<Solved>> {
        let inputs = p.inputs.expect("the plan collects what a method needs");
        match inputs.factor(compute, p.damping_rel) {
            Ok(factor) => Ok(Self::with(p, factor)),
            Err(none) => {
                let mut solved = fallback(compute, p);
                solved.repairs.push(Repair::Fallback {
                    tensor: p.name.into(),
                    method: solved.method.into(),
                    reason: none.reason.clone(),
                });
                Err(Box::new(solved))
            }
        }
    }

    fn with(p: &Problem<'_>, factor: &'a Factor) -> Self {
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
        Self {
            w,
            factor,
            dead,
            repairs,
        }
    }

    /// The damped energy of an error relative to these weights.
    pub fn damped(&self, energy: f64) -> DampedEnergy {
        DampedEnergy {
            energy,
            damping: self.factor.damping,
            dead: self.dead,
        }
    }
}
