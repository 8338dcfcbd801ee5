//! Arguments of [`crate::Kernels::adamw_step`].

/// What one step of AdamW does to the weights of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub rate: f64,
    /// Share of the mean of gradients that stays.
    pub beta1: f64,
    /// Share of the mean of their squares that stays.
    pub beta2: f64,
    /// Added to the root of the mean of squares.
    pub eps: f64,
    /// What a weight loses, as a share of it and of the learning rate.
    pub weight_decay: f64,
    /// 1 - beta1^t at step t, counted from 1.
    pub correction1: f64,
    /// 1 - beta2^t at step t.
    pub correction2: f64,
    /// Factor of the gradient, before the prior is added: it holds clipping and the number of batches.
    pub scale: f64,
    /// Prior of the weights.
    pub prior: Option<MixturePrior>,
    /// Whether a weight that is 0 stays 0.
    pub hold_zeros: bool,
}

/// The prior of MGPP (arXiv 2411.00969), a mixture of two normal distributions around 0, as its gradient needs it. With
/// p = 1 / (1 + exp(min(offset + slope w^2, 80))), the probability of the narrow one, the gradient is w (p spike + (1 - p) slab).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixturePrior {
    /// Logarithm of the odds of the wide distribution at w = 0.
    pub offset: f64,
    /// What w^2 adds to it.
    pub slope: f64,
    /// 1 / (variance of the narrow distribution * number of examples).
    pub spike: f64,
    /// 1 / (variance of the wide distribution * number of examples).
    pub slab: f64,
}

/// The numbers of a step as the loop over weights uses them, rounded to f32 once.
#[derive(Clone, Copy)]
pub(crate) struct Constants {
    pub scale: f32,
    pub beta1: f32,
    pub beta2: f32,
    /// 1 - beta1
    pub new1: f32,
    /// 1 - beta2
    pub new2: f32,
    /// 1 / sqrt(correction2)
    pub root: f32,
    pub eps: f32,
    /// rate / correction1
    pub rate: f32,
    /// rate * weight_decay
    pub decay: f32,
    /// A weight moves if its magnitude is above this.
    pub held: f32,
}

impl Constants {
    pub fn of(step: AdamStep) -> Self {
        Self {
            scale: step.scale as f32,
            beta1: step.beta1 as f32,
            beta2: step.beta2 as f32,
            new1: (1.0 - step.beta1) as f32,
            new2: (1.0 - step.beta2) as f32,
            root: (1.0 / step.correction2.sqrt()) as f32,
            eps: step.eps as f32,
            rate: (step.rate / step.correction1) as f32,
            decay: (step.rate * step.weight_decay) as f32,
            held: if step.hold_zeros { 0.0 } else { -1.0 },
        }
    }
}

/// Exponents of the prior above this change nothing that f32 holds.
pub(crate) const LARGEST_EXPONENT: f32 = 80.0;
