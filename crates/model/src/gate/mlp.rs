//! The learned router of FTP (arXiv 2412.11494): a small network of four factors, one for all blocks.

use super::{FACTORS, Gate, Kept, Row, Shares, StandIn, View, kept_by};
use crate::block::read;
use crate::{MemoryWeights, ModelError, WeightSource, finite};
use kerf_kernels::Compute;
use std::sync::Arc;

pub(super) const ROW: Row = Row {
    id: "mlp",
    about: "A small network decides by position, attention, its rank, and the sparsity of the block; before it has learned it keeps what the static rule keeps of a prompt.",
    has_shares: true,
    learned: true,
    build: |settings| {
        let weights = settings.weights.clone();
        Box::new(MlpGate {
            weights: weights.unwrap_or_else(|| Arc::new(RouterWeights::of_static_rule())),
            shares: settings.shares.clone(),
            strict: settings.strict,
            stand_in: settings.stand_in.clone(),
        })
    },
};

/// Weights of a router: z = decision · relu(hidden f + hidden bias) + decision bias, where f are the factors ([`View::factors`]). A
/// token with z of 0 or more goes through the block.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterWeights {
    /// [width, FACTORS].
    pub hidden: Vec<f32>,
    /// [width].
    pub hidden_bias: Vec<f32>,
    /// [width].
    pub decision: Vec<f32>,
    /// One number.
    pub decision_bias: f32,
}

impl RouterWeights {
    /// Names of its tensors in a file.
    pub const TENSORS: [&'static str; 4] = [
        "hidden.weight",
        "hidden.bias",
        "decision.weight",
        "decision.bias",
    ];

    /// Reads `router.safetensors`: `hidden.weight` [width, 4], `hidden.bias` [width], `decision.weight` [1, width] and `decision.bias`
    /// [1]. `TENSOR_MISSING`, `WRONG_SHAPE`, `NOT_FINITE`.
    pub fn open(compute: &Compute, source: &dyn WeightSource) -> Result<Self, ModelError> {
        let [hidden, hidden_bias, decision, decision_bias] = Self::TENSORS;
        let shape = source.shape(hidden_bias).unwrap_or_default();
        let width = shape.iter().product();
        let load = |name: &str, shape: (usize, usize)| {
            let values = read(compute, source, name, shape)?;
            finite::check(compute, name, &source.model(), &values)?;
            Ok::<_, ModelError>(values)
        };
        Ok(Self {
            hidden: load(hidden, (width, FACTORS))?,
            hidden_bias: load(hidden_bias, (width, 1))?,
            decision: load(decision, (1, width))?,
            decision_bias: load(decision_bias, (1, 1))?[0],
        })
    }

    /// Its tensors under their names in a file, to write them.
    pub fn to_weights(&self) -> Result<MemoryWeights, ModelError> {
        let [hidden, hidden_bias, decision, decision_bias] = Self::TENSORS;
        let width = self.hidden_bias.len();
        let mut weights = MemoryWeights::new();
        weights.insert(hidden, vec![width, FACTORS], self.hidden.clone())?;
        weights.insert(hidden_bias, vec![width], self.hidden_bias.clone())?;
        weights.insert(decision, vec![1, width], self.decision.clone())?;
        weights.insert(decision_bias, vec![1], vec![self.decision_bias])?;
        Ok(weights)
    }

    /// A network of width 2 that decides by z = position - sparsity: of a prompt it keeps what the static rule keeps, but for the first
    /// token, which is kept anyway.
    pub fn of_static_rule() -> Self {
        Self {
            hidden: vec![1.0, 0.0, 0.0, -1.0, -1.0, 0.0, 0.0, 1.0],
            hidden_bias: vec![0.0; 2],
            decision: vec![1.0, -1.0],
            decision_bias: 0.0,
        }
    }

    /// z of one token.
    pub fn decide(&self, factors: [f32; FACTORS]) -> f32 {
        let rows = self.hidden.chunks_exact(FACTORS).zip(&self.hidden_bias);
        let inside = rows.map(|(row, bias)| {
            let products = row.iter().zip(factors).map(|(weight, own)| weight * own);
            (products.sum::<f32>() + bias).max(0.0)
        });
        let products = inside.zip(&self.decision).map(|(own, weight)| own * weight);
        products.sum::<f32>() + self.decision_bias
    }
}

/// Decides by a network.
#[derive(Clone, Debug)]
pub struct MlpGate {
    /// The network.
    pub weights: Arc<RouterWeights>,
    /// Share that each block is to keep.
    pub shares: Shares,
    /// Whether it keeps its shares to the token; see [`kept_by`].
    pub strict: bool,
    /// What skipped tokens get.
    pub stand_in: Option<Arc<StandIn>>,
}

impl Gate for MlpGate {
    fn watches_attention(&self) -> bool {
        true
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        let share = self.shares.of_block(view.block);
        kept_by(view, share, self.strict, |sequence, place| {
            self.weights.decide(view.factors(sequence, place, share))
        })
    }

    fn stand_in(&self) -> Option<&StandIn> {
        self.stand_in.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Phase, Share, Standing, StaticGate};
    use crate::{Batch, Part};

    const NEUTRAL: Standing = Standing {
        score: 1.0,
        rank: 0.5,
    };

    fn kept(gate: &dyn Gate, phase: Phase, batch: &Batch, passed: usize) -> Vec<usize> {
        let view = View {
            block: 0,
            part: Part::Block,
            phase,
            batch,
            states: &[],
            standing: &vec![NEUTRAL; batch.tokens()],
            passed: &vec![passed; batch.sequences()],
        };
        match gate.keep(&view) {
            Kept::All => (0..batch.tokens()).collect(),
            Kept::Places(places) => places,
        }
    }

    fn gate(share: f64, strict: bool, weights: RouterWeights) -> MlpGate {
        MlpGate {
            weights: Arc::new(weights),
            shares: Shares::uniform(Share::new(share).unwrap(), 1),
            strict,
            stand_in: None,
        }
    }

    #[test]
    fn what_has_not_learned_keeps_what_the_static_rule_keeps() {
        let batch = Batch::new(&[vec![0; 101], vec![0; 21]]);
        for share in [0.2, 0.55, 0.9] {
            let shares = Shares::uniform(Share::new(share).unwrap(), 1);
            let mut expected = kept(&StaticGate { shares }, Phase::Prompt, &batch, 0);
            expected.retain(|place| batch.positions[*place] > 0);
            let own = kept(
                &gate(share, false, RouterWeights::of_static_rule()),
                Phase::Prompt,
                &batch,
                0,
            );
            assert!(expected.iter().all(|place| own.contains(place)));
            // The static rule counts the first token, and rounds: of each sequence it keeps up to two fewer.
            assert!(own.len() <= expected.len() + 4, "{own:?} {expected:?}");
        }
    }

    #[test]
    fn a_strict_budget_is_kept_whatever_the_router_wants() {
        for bias in [-9.0, 9.0] {
            let weights = RouterWeights {
                decision_bias: bias,
                ..RouterWeights::of_static_rule()
            };
            let gate = gate(0.7, true, weights);
            let prompt = Batch::new(&[vec![0; 100], vec![0; 10]]);
            let places = kept(&gate, Phase::Prompt, &prompt, 0);
            let first = std::iter::once;
            let wanted = first(0).chain(31..100).chain(first(100)).chain(104..110);
            assert_eq!(places, wanted.collect::<Vec<_>>());
            let decoded = Batch::continued(&[0; 200], 100);
            let count = kept(&gate, Phase::Decoding, &decoded, 70).len();
            assert!((136..=141).contains(&count), "{count}");
        }
    }

    #[test]
    fn z_is_that_of_the_formula() {
        let weights = RouterWeights {
            hidden: vec![1.0, 2.0, 0.0, 0.0, 0.0, 0.0, -1.0, 1.0],
            hidden_bias: vec![0.5, -0.25],
            decision: vec![2.0, 4.0],
            decision_bias: -1.0,
        };
        // relu(0.25 + 1 + 0.5) = 1.75; relu(-1 + 0.5 - 0.25) = 0.
        assert_eq!(weights.decide([0.25, 0.5, 1.0, 0.5]), 2.5);
        // 0.5; relu(1 - 0.25) = 0.75.
        assert_eq!(weights.decide([0.0, 0.0, 0.0, 1.0]), 3.0);
    }
}
