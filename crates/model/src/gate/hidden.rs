//! A router of hidden states, as SkipGPT (code EIT-NLP/SkipGPT) has one: in each block one row of weights.

use super::stand_in::root_mean_square;
use super::{Gate, Kept, Row, Shares, StandIn, View, kept_by};
use crate::block::read;
use crate::{MemoryWeights, ModelError, WeightSource, finite};
use kerf_kernels::Compute;
use std::sync::Arc;

pub(super) const ROW: Row = Row {
    id: "hidden",
    about: "A row of weights in each block decides by the hidden state; before it has learned it keeps the most recent tokens of a prompt.",
    has_shares: true,
    learned: true,
    build: |settings| {
        Box::new(HiddenGate {
            weights: settings.hidden.clone(),
            shares: settings.shares.clone(),
            strict: settings.strict,
            stand_in: settings.stand_in.clone(),
        })
    },
};

/// Weights of a router of hidden states: z = w_b · x / rms(x) + c_b for a token x before block b. A token with z of 0 or more goes
/// through.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenRouter {
    /// Width of the residual stream.
    pub hidden: usize,
    /// [blocks, hidden].
    pub weight: Vec<f32>,
    /// [blocks].
    pub bias: Vec<f32>,
}

impl HiddenRouter {
    /// Names of its tensors in a file.
    pub const TENSORS: [&'static str; 2] = ["hidden_router.weight", "hidden_router.bias"];

    /// Before it has learned: zeros, which prefer no token.
    pub fn new(blocks: usize, hidden: usize) -> Self {
        Self {
            hidden,
            weight: vec![0.0; blocks * hidden],
            bias: vec![0.0; blocks],
        }
    }

    /// Reads `hidden_router.weight` [blocks, hidden] and `hidden_router.bias` [blocks]. `TENSOR_MISSING`, `WRONG_SHAPE`, `NOT_FINITE`.
    pub fn open(
        compute: &Compute,
        source: &dyn WeightSource,
        blocks: usize,
        hidden: usize,
    ) -> Result<Self, ModelError> {
        let load = |name: &str, shape: (usize, usize)| {
            let values = read(compute, source, name, shape)?;
            finite::check(compute, name, &source.model(), &values)?;
            Ok::<_, ModelError>(values)
        };
        let [weight, bias] = Self::TENSORS;
        Ok(Self {
            hidden,
            weight: load(weight, (blocks, hidden))?,
            bias: load(bias, (blocks, 1))?,
        })
    }

    /// Adds its tensors to others, under their names in a file.
    pub fn add_to(&self, weights: &mut MemoryWeights) -> Result<(), ModelError> {
        let ([weight, bias], blocks) = (Self::TENSORS, self.bias.len());
        weights.insert(weight, vec![blocks, self.hidden], self.weight.clone())?;
        weights.insert(bias, vec![blocks], self.bias.clone())
    }

    /// The root of the mean square of a state, by which it is divided.
    pub fn size(state: &[f32]) -> f64 {
        root_mean_square(state)
    }

    /// z of a state before a block.
    pub fn decide(&self, block: usize, state: &[f32]) -> f32 {
        let own = &self.weight[block * self.hidden..][..self.hidden];
        let products = own.iter().zip(state);
        let sum: f64 = products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        (sum / Self::size(state)) as f32 + self.bias[block]
    }
}

/// Decides by hidden states.
#[derive(Clone, Debug)]
pub struct HiddenGate {
    /// The router; `None`: one that has learned nothing.
    pub weights: Option<Arc<HiddenRouter>>,
    /// Share that each block is to keep.
    pub shares: Shares,
    /// See [`kept_by`].
    pub strict: bool,
    /// What skipped tokens get.
    pub stand_in: Option<Arc<StandIn>>,
}

impl Gate for HiddenGate {
    fn keep(&self, view: &View<'_>) -> Kept {
        let share = self.shares.of_block(view.block);
        // What prefers no token says nothing about how many go through.
        let strict = self.strict || self.weights.is_none();
        kept_by(view, share, strict, |_, place| match &self.weights {
            Some(weights) => weights.decide(view.block, view.state(place)),
            None => 0.0,
        })
    }

    fn stand_in(&self) -> Option<&StandIn> {
        self.stand_in.as_deref()
    }
}
