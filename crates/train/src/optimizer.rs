//! AdamW with decoupled weight decay (Loshchilov and Hutter 2019), on tensors by name.

use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_model::{MemoryWeights, ModelError};
use kerf_tensors::TensorsError;
use std::collections::BTreeMap;

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
        _compute: &Compute,
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
            let rule = rule(name);
            for (at, value) in values.iter_mut().enumerate() {
                let own = (&mut moments.first[at], &mut moments.second[at]);
                let grad = f64::from(grad[at]) * scale;
                one(self.settings, &rule, corrections, value, grad, own);
            }
        }
        Ok(())
    }

    /// The first and second moments of a tensor.
    pub fn moments(&self, name: &str) -> Option<(&[f32], &[f32])> {
        let own = self.moments.get(name)?;
        Some((&own.first, &own.second))
    }

    /// Goes on from moments that were kept after so many steps, in the order of [`Optimizer::names`].
    ///
    /// # Panics
    /// If a tensor has another number of values.
    pub fn resume(&mut self, steps: u64, kept: impl IntoIterator<Item = (Vec<f32>, Vec<f32>)>) {
        self.steps = steps;
        for (own, (first, second)) in self.moments.values_mut().zip(kept) {
            assert_eq!(
                (own.first.len(), own.second.len()),
                (first.len(), second.len())
            );
            *own = Moments { first, second };
        }
    }
}

/// The step of one weight.
fn one(
    settings: AdamW,
    rule: &Rule,
    corrections: [f64; 2],
    value: &mut f32,
    mut grad: f64,
    (first, second): (&mut f32, &mut f32),
) {
    if rule.hold_zeros && *value == 0.0 {
        (*first, *second) = (0.0, 0.0);
        return;
    }
    let AdamW {
        beta1, beta2, eps, ..
    } = settings;
    let weight = f64::from(*value);
    if let Some(prior) = rule.prior {
        grad += prior.grad(weight);
    }
    *first = (beta1 * f64::from(*first) + (1.0 - beta1) * grad) as f32;
    *second = (beta2 * f64::from(*second) + (1.0 - beta2) * grad * grad) as f32;
    let kept = if rule.decay {
        1.0 - rule.rate * settings.weight_decay
    } else {
        1.0
    };
    let root = (f64::from(*second) / corrections[1]).sqrt() + eps;
    *value = (weight * kept - rule.rate * f64::from(*first) / corrections[0] / root) as f32;
}

impl Prior {
    /// Exponents above it change nothing that f32 holds.
    const LARGEST: f64 = 80.0;

    /// Gradient of the negative logarithm of the prior, for each example.
    pub fn grad(&self, weight: f64) -> f64 {
        let c1 = (self.lambda / (1.0 - self.lambda)).ln() + 0.5 * (self.spike / self.slab).ln();
        let c2 = 0.5 / self.spike - 0.5 / self.slab;
        let exponent = (c1 + c2 * weight * weight).min(Self::LARGEST);
        let of_spike = 1.0 / (1.0 + exponent.exp());
        weight / self.examples * (of_spike / self.spike + (1.0 - of_spike) / self.slab)
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
