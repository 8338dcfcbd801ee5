//! AdamW with decoupled weight decay (Loshchilov and Hutter 2019), on tensors by name.

use kerf_kernels::Compute;
use kerf_kernels::dispatch::{AdamStep, MixturePrior};
use kerf_kernels::reference::math::ln;
use kerf_model::backward::Gradients;
use kerf_model::{MemoryWeights, ModelError};
use kerf_tensors::TensorsError;
use std::collections::BTreeMap;

/// Weights of one task of the pool. It does not depend on the number of threads.
const TILE: usize = 1 << 15;

/// The factor that shortens a gradient of Euclidean norm `norm` to `most`, 1 if it is no longer; `most` of 0 does not shorten.
pub fn clipping(norm: f64, most: f64) -> f64 {
    if most > 0.0 && norm > most {
        most / norm
    } else {
        1.0
    }
}

/// Settings of AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Share of the mean of gradients that stays at each step.
    pub beta1: f64,
    /// Share of the mean of their squares that stays at each step.
    pub beta2: f64,
    /// Added to the root of the mean of squares.
    pub eps: f64,
    /// What a weight loses at each step, as a share of it and of the learning rate.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-6,
            weight_decay: 0.0,
        }
    }
}

/// The mixture-Gaussian prior of a weight: its variance is `slab` with probability `lambda`, else `spike` (MGPP, arXiv 2411.00969).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Variance of weights that matter.
    pub slab: f64,
    /// Variance of weights near zero.
    pub spike: f64,
    /// Probability of the slab.
    pub lambda: f64,
    /// Number of examples that the prior is weighed against.
    pub examples: f64,
}

/// What the optimiser does to one tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Its learning rate.
    pub rate: f64,
    /// Whether weight decay applies.
    pub decay: bool,
    /// Prior whose gradient is added to that of the loss.
    pub prior: Option<Prior>,
    /// Whether a weight that is zero stays zero.
    pub hold_zeros: bool,
}

/// Mean of gradients and of their squares, for each weight.
#[derive(Clone, Debug, Default, PartialEq)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

/// AdamW with the moments of all tensors that learn: 8 bytes for each weight.
#[derive(Clone, Debug)]
pub struct Optimizer {
    settings: AdamW,
    steps: u64,
    moments: BTreeMap<String, Moments>,
}

impl Optimizer {
    /// Before the first step, for these tensors of a source. `TENSOR_MISSING`.
    pub fn new<'n>(
        settings: AdamW,
        weights: &MemoryWeights,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, ModelError> {
        let mut moments = BTreeMap::new();
        for name in names {
            let count = values_of(weights, name)?.len();
            let own = Moments {
                first: vec![0.0; count],
                second: vec![0.0; count],
            };
            moments.insert(name.to_string(), own);
        }
        Ok(Self {
            settings,
            steps: 0,
            moments,
        })
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Names of the tensors that learn, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.moments.keys().map(String::as_str)
    }

    /// One step: each tensor of the optimiser moves by its gradient times `scale`. `scale` holds the clipping and what several
    /// batches are divided by. `TENSOR_MISSING` if a tensor has no weights or no gradient.
    pub fn step(
        &mut self,
        compute: &Compute,
        weights: &mut MemoryWeights,
        gradients: &Gradients,
        scale: f64,
        rule: impl Fn(&str) -> Rule,
    ) -> Result<(), ModelError> {
        self.steps += 1;
        let AdamW { beta1, beta2, .. } = self.settings;
        let corrections = [beta1, beta2].map(|beta| 1.0 - beta.powi(self.steps as i32));
        for (name, moments) in &mut self.moments {
            let grad = gradients.get(name).ok_or_else(|| missing(name))?;
            let values = weights.get_mut(name).ok_or_else(|| missing(name))?;
            let step = self.settings.step(&rule(name), corrections, scale);
            let moments = moments
                .first
                .chunks_mut(TILE)
                .zip(moments.second.chunks_mut(TILE));
            let mut tiles: Vec<_> = values
                .chunks_mut(TILE)
                .zip(grad.chunks(TILE))
                .zip(moments)
                .collect();
            compute.pool.chunks_mut(&mut tiles, 1, |_, tile| {
                let ((values, grad), (first, second)) = &mut tile[0];
                compute
                    .kernels
                    .adamw_step(values, grad, first, second, step);
            });
        }
        Ok(())
    }

    /// The first and second moments of a tensor.
    pub fn moments(&self, name: &str) -> Option<(&[f32], &[f32])> {
        let own = self.moments.get(name)?;
        Some((&own.first, &own.second))
    }

    /// The first and second moments of a tensor, to fill them with what was kept; then say [`Optimizer::resume`].
    pub fn moments_mut(&mut self, name: &str) -> Option<(&mut [f32], &mut [f32])> {
        let own = self.moments.get_mut(name)?;
        Some((&mut own.first, &mut own.second))
    }

    /// Goes on after so many steps, with the moments that were filled in.
    pub fn resume(&mut self, steps: u64) {
        self.steps = steps;
    }
}

impl AdamW {
    /// What the kernel does to one tensor.
    fn step(&self, rule: &Rule, [correction1, correction2]: [f64; 2], scale: f64) -> AdamStep {
        AdamStep {
            rate: rule.rate,
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            weight_decay: if rule.decay { self.weight_decay } else { 0.0 },
            correction1,
            correction2,
            scale,
            prior: rule.prior.map(|prior| prior.mixture()),
            hold_zeros: rule.hold_zeros,
        }
    }
}

impl Prior {
    /// The prior as its gradient needs it.
    fn mixture(&self) -> MixturePrior {
        let odds = ln(self.lambda / (1.0 - self.lambda));
        MixturePrior {
            offset: odds + 0.5 * ln(self.spike / self.slab),
            slope: 0.5 / self.spike - 0.5 / self.slab,
            spike: 1.0 / (self.spike * self.examples),
            slab: 1.0 / (self.slab * self.examples),
        }
    }

    /// Gradient of the negative logarithm of the prior, for each example: what a step adds to the gradient of the loss.
    pub fn grad(&self, weight: f64) -> f64 {
        let of = self.mixture();
        let exponent = (of.offset + of.slope * weight * weight).min(80.0);
        let of_spike = 1.0 / (1.0 + exponent.exp());
        weight * (of_spike * of.spike + (1.0 - of_spike) * of.slab)
    }
}

fn values_of<'w>(weights: &'w MemoryWeights, name: &str) -> Result<&'w [f32], ModelError> {
    weights.get(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ModelError {
    TensorsError::TensorMissing {
        tensor: name.into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerf_kernels::Isa;

    const PRIOR: Prior = Prior {
        slab: 0.05,
        spike: 1e-5,
        lambda: 1e-3,
        examples: 50.0,
    };

    /// Two tensors, one of them of several tiles, and their gradients. Every fifth weight is 0.
    fn case() -> (MemoryWeights, Gradients) {
        let mut weights = MemoryWeights::default();
        for (name, count) in [("a", 5), ("b", 2 * TILE + 7)] {
            let value =
                |at: usize| (at % 5) as f32 * 0.003 * if at.is_multiple_of(2) { 1.0 } else { -1.0 };
            weights
                .insert(name, vec![count], (0..count).map(value).collect())
                .expect("a shape that fits");
        }
        let mut gradients = Gradients::zeros(&weights, ["a", "b"]).expect("both are there");
        for name in ["a", "b"] {
            let own = gradients.get_mut(name).expect("there");
            for (at, value) in own.iter_mut().enumerate() {
                *value = ((at * 37) % 19) as f32 / 19.0 - 0.4;
            }
        }
        (weights, gradients)
    }

    fn rule(name: &str) -> Rule {
        Rule {
            rate: 0.01,
            decay: name == "b",
            prior: (name == "b").then_some(PRIOR),
            hold_zeros: name == "b",
        }
    }

    const SETTINGS: AdamW = AdamW {
        beta1: 0.9,
        beta2: 0.98,
        eps: 1e-6,
        weight_decay: 0.1,
    };

    fn run(isa: Option<Isa>, threads: usize, steps: usize) -> (MemoryWeights, Optimizer) {
        let compute = Compute::new(isa, threads).expect("an instruction set");
        let (mut weights, gradients) = case();
        let mut own = Optimizer::new(SETTINGS, &weights, ["a", "b"]).expect("both are there");
        for _ in 0..steps {
            own.step(&compute, &mut weights, &gradients, 0.5, rule)
                .expect("both have gradients");
        }
        (weights, own)
    }

    /// AdamW in f64, weight by weight. Tolerance 2e-6 for steps of 0.01: the weights and the moments are f32.
    #[test]
    fn three_steps_are_those_of_f64() {
        let (start, gradients) = case();
        let (after, _) = run(None, 1, 3);
        for name in ["a", "b"] {
            let (start, grads) = (start.get(name).unwrap(), gradients.get(name).unwrap());
            let of = rule(name);
            for ((w, grad), got) in start.iter().zip(grads).zip(after.get(name).unwrap()) {
                let (mut w, mut first, mut second) = (f64::from(*w), 0.0, 0.0);
                for step in 1..=3 {
                    if of.hold_zeros && w == 0.0 {
                        break;
                    }
                    let pull = of.prior.map_or(0.0, |prior| prior.grad(w));
                    let g = 0.5 * f64::from(*grad) + pull;
                    first = 0.9 * first + 0.1 * g;
                    second = 0.98 * second + 0.02 * g * g;
                    let (m, v) = (
                        first / (1.0 - 0.9f64.powi(step)),
                        second / (1.0 - 0.98f64.powi(step)),
                    );
                    let decay = if of.decay { 0.1 } else { 0.0 };
                    w -= 0.01 * (decay * w + m / (v.sqrt() + 1e-6));
                }
                assert!(
                    (f64::from(*got) - w).abs() < 2e-6,
                    "{name}: {got} instead of {w}"
                );
            }
        }
    }

    #[test]
    fn threads_change_nothing() {
        let [one, other] = [1, 3].map(|threads| run(None, threads, 2));
        for name in ["a", "b"] {
            assert_eq!(one.0.get(name), other.0.get(name));
            assert_eq!(one.1.moments(name), other.1.moments(name));
        }
    }

    #[test]
    fn a_tensor_without_a_gradient_is_named() {
        let (mut weights, _) = case();
        let mut own = Optimizer::new(SETTINGS, &weights, ["a", "b"]).expect("both are there");
        let only = Gradients::zeros(&weights, ["a"]).expect("there");
        let compute = Compute::new(None, 1).expect("an instruction set");
        let error = own
            .step(&compute, &mut weights, &only, 1.0, rule)
            .unwrap_err();
        assert!(error.to_string().contains('b'), "{error}");
    }
}
