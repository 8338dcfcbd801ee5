//! Routers that learn: how they decide, and the gradient of what they are made of.

use crate::RouteError;
use kerf_kernels::Compute;
use kerf_model::backward::Gradients;
use kerf_model::gate::{
    FACTORS, Gate, HiddenGate, HiddenRouter, MlpGate, RouterWeights, Share, Shares, StandIn, View,
};
use kerf_model::{MemoryWeights, Network};
use kerf_train::shuffled;
use std::sync::Arc;

/// Width of a router of four factors.
const WIDTH: usize = 64;
/// By how much a router of four factors begins to prefer a token over one that is a whole prompt older.
const SHARPNESS: f32 = 8.0;

/// What a router saw of the tokens before a block.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Number of the block.
    pub block: usize,
    /// Hidden states, [tokens, hidden].
    pub states: &'a [f32],
    /// The four factors of each token; empty if the router does not watch attention.
    pub factors: &'a [[f32; FACTORS]],
}

/// A router that learns.
pub trait Learner: Sized + Send + Sync {
    /// Whether it looks at the factors.
    const WATCHES: bool;

    /// Before it has learned.
    fn start(network: &Network, seed: u64) -> Self;

    /// Adds its tensors to others.
    fn add_to(&self, weights: &mut MemoryWeights) -> Result<(), RouteError>;

    /// Names of its tensors.
    fn names() -> Vec<&'static str>;

    /// From its tensors. `NOT_FINITE`.
    fn open(
        network: &Network,
        compute: &Compute,
        weights: &MemoryWeights,
    ) -> Result<Self, RouteError>;

    /// z of a token.
    fn decide(&self, view: &View<'_>, sequence: usize, place: usize, share: Share) -> f32;

    /// Adds the gradients of its tensors from those of the z of tokens.
    fn backward(&self, seen: Seen<'_>, of_z: &[f64], gradients: &mut Gradients);

    /// The gate.
    fn gate(self, shares: Shares, strict: bool, stand_in: Option<Arc<StandIn>>) -> Box<dyn Gate>;
}

/// A router of four factors of the width that learns, which decides as [`RouterWeights::of_static_rule`] does: its other units are
/// random and count nothing yet.
pub fn start_of_router(seed: u64) -> RouterWeights {
    let rule = RouterWeights::of_static_rule();
    let own = rule.hidden_bias.len();
    let rest = WIDTH - own;
    // Numbers from -1 to 1 at even distances, in an order of the seed: no two units are alike.
    let count = rest * (FACTORS + 1);
    let draws = shuffled(count, seed).into_iter();
    let mut draws = draws.map(|at| (2.0 * (at as f32 + 0.5) / count as f32) - 1.0);
    let mut hidden = rule.hidden.clone();
    hidden.extend(draws.by_ref().take(rest * FACTORS));
    let mut hidden_bias = rule.hidden_bias.clone();
    hidden_bias.extend(draws);
    let mut decision: Vec<f32> = rule.decision.iter().map(|own| own * SHARPNESS).collect();
    decision.resize(WIDTH, 0.0);
    RouterWeights {
        hidden,
        hidden_bias,
        decision,
        decision_bias: 0.0,
    }
}

impl Learner for RouterWeights {
    const WATCHES: bool = true;

    fn start(_network: &Network, seed: u64) -> Self {
        start_of_router(seed)
    }

    fn add_to(&self, weights: &mut MemoryWeights) -> Result<(), RouteError> {
        *weights = self.to_weights()?;
        Ok(())
    }

    fn names() -> Vec<&'static str> {
        Self::TENSORS.to_vec()
    }

    fn open(
        _network: &Network,
        compute: &Compute,
        weights: &MemoryWeights,
    ) -> Result<Self, RouteError> {
        Ok(Self::open(compute, weights)?)
    }

    fn decide(&self, view: &View<'_>, sequence: usize, place: usize, share: Share) -> f32 {
        Self::decide(self, view.factors(sequence, place, share))
    }

    fn backward(&self, seen: Seen<'_>, of_z: &[f64], gradients: &mut Gradients) {
        let width = self.hidden_bias.len();
        let mut sums = [
            vec![0.0f64; width * FACTORS],
            vec![0.0; width],
            vec![0.0; width],
        ];
        let mut bias = 0.0;
        for (factors, of_z) in seen.factors.iter().zip(of_z).filter(|own| *own.1 != 0.0) {
            bias += of_z;
            for unit in 0..width {
                let row = &self.hidden[unit * FACTORS..][..FACTORS];
                let products = row.iter().zip(factors).map(|(a, b)| a * b);
                let inside = products.sum::<f32>() + self.hidden_bias[unit];
                if inside <= 0.0 {
                    continue;
                }
                let [of_hidden, of_bias, of_decision] = &mut sums;
                of_decision[unit] += of_z * f64::from(inside);
                let of_inside = of_z * f64::from(self.decision[unit]);
                of_bias[unit] += of_inside;
                let own = &mut of_hidden[unit * FACTORS..][..FACTORS];
                own.iter_mut()
                    .zip(factors)
                    .for_each(|(sum, factor)| *sum += of_inside * f64::from(*factor));
            }
        }
        let [of_hidden, of_bias, of_decision] = sums;
        let all = [of_hidden, of_bias, of_decision, vec![bias]];
        for (name, own) in Self::TENSORS.into_iter().zip(all) {
            add(gradients, name, 0, &own);
        }
    }

    fn gate(self, shares: Shares, strict: bool, stand_in: Option<Arc<StandIn>>) -> Box<dyn Gate> {
        Box::new(MlpGate {
            weights: Arc::new(self),
            shares,
            strict,
            stand_in,
        })
    }
}

impl Learner for HiddenRouter {
    const WATCHES: bool = false;

    fn start(network: &Network, _seed: u64) -> Self {
        Self::new(network.blocks(), network.hidden())
    }

    fn add_to(&self, weights: &mut MemoryWeights) -> Result<(), RouteError> {
        Ok(Self::add_to(self, weights)?)
    }

    fn names() -> Vec<&'static str> {
        Self::TENSORS.to_vec()
    }

    fn open(
        network: &Network,
        compute: &Compute,
        weights: &MemoryWeights,
    ) -> Result<Self, RouteError> {
        let (blocks, hidden) = (network.blocks(), network.hidden());
        Ok(Self::open(compute, weights, blocks, hidden)?)
    }

    fn decide(&self, view: &View<'_>, _sequence: usize, place: usize, _share: Share) -> f32 {
        Self::decide(self, view.block, view.state(place))
    }

    fn backward(&self, seen: Seen<'_>, of_z: &[f64], gradients: &mut Gradients) {
        let mut of_weight = vec![0.0; self.hidden];
        let states = seen.states.chunks_exact(self.hidden);
        for (state, of_z) in states.zip(of_z).filter(|own| *own.1 != 0.0) {
            let by = of_z / HiddenRouter::size(state);
            of_weight
                .iter_mut()
                .zip(state)
                .for_each(|(sum, value)| *sum += by * f64::from(*value));
        }
        let [weight, bias] = Self::TENSORS;
        add(gradients, weight, seen.block * self.hidden, &of_weight);
        add(gradients, bias, seen.block, &[of_z.iter().sum()]);
    }

    fn gate(self, shares: Shares, strict: bool, stand_in: Option<Arc<StandIn>>) -> Box<dyn Gate> {
        Box::new(HiddenGate {
            weights: Some(Arc::new(self)),
            shares,
            strict,
            stand_in,
        })
    }
}

/// Adds to the gradient of a tensor from the value `from` on.
pub fn add(gradients: &mut Gradients, name: &str, from: usize, values: &[f64]) {
    if let Some(own) = gradients.get_mut(name) {
        for (own, value) in own[from..].iter_mut().zip(values) {
            *own += *value as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// z of a router in f64.
    fn plain(weights: &[Vec<f64>], factors: [f32; FACTORS]) -> f64 {
        let [hidden, bias, decision, last] = weights else {
            panic!("four tensors")
        };
        let units = hidden.chunks_exact(FACTORS).zip(bias).zip(decision);
        let units = units.map(|((row, bias), decision)| {
            let products = row.iter().zip(factors).map(|(a, b)| a * f64::from(b));
            decision * (products.sum::<f64>() + bias).max(0.0)
        });
        units.sum::<f64>() + last[0]
    }

    /// The smooth surrogate: sigmoid(z) times what each token is worth. Quotients of differences in f64; no unit is at its kink.
    #[test]
    fn the_gradient_of_every_weight_is_that_of_the_surrogate() {
        let mut router = start_of_router(5);
        let draws = shuffled(WIDTH, 9);
        for (own, draw) in router.decision.iter_mut().zip(draws) {
            *own += draw as f32 / WIDTH as f32 - 0.4;
        }
        let draws = shuffled(7 * FACTORS, 3);
        let factor = |at: usize| draws[at] as f32 / 28.0 + 0.011;
        let factors: Vec<[f32; FACTORS]> = (0..7)
            .map(|token| std::array::from_fn(|at| factor(token * FACTORS + at)))
            .collect();
        let worth = [0.3, -1.0, 0.5, 2.0, -0.7, 0.0, 1.1];
        let mut weights = MemoryWeights::new();
        Learner::add_to(&router, &mut weights).unwrap();
        let names = <RouterWeights as Learner>::names();
        let own: Vec<Vec<f64>> = (names.iter())
            .map(|name| {
                weights
                    .get(name)
                    .unwrap()
                    .iter()
                    .map(|w| f64::from(*w))
                    .collect()
            })
            .collect();
        let surrogate = |weights: &[Vec<f64>]| -> f64 {
            let terms = factors.iter().zip(worth);
            terms
                .map(|(factors, worth)| worth / (1.0 + (-plain(weights, *factors)).exp()))
                .sum()
        };
        let of_z: Vec<f64> = (factors.iter().zip(worth))
            .map(|(factors, worth)| {
                let p = 1.0 / (1.0 + (-plain(&own, *factors)).exp());
                worth * p * (1.0 - p)
            })
            .collect();
        let mut gradients = Gradients::zeros(&weights, names.clone()).unwrap();
        let seen = Seen {
            block: 0,
            states: &[],
            factors: &factors,
        };
        Learner::backward(&router, seen, &of_z, &mut gradients);
        let mut checked = 0;
        for (tensor, name) in names.iter().enumerate() {
            for at in 0..own[tensor].len() {
                let moved = |by: f64| {
                    let mut weights = own.clone();
                    weights[tensor][at] += by;
                    surrogate(&weights)
                };
                let found = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let value = f64::from(gradients.get(name).unwrap()[at]);
                assert!((value - found).abs() < 1e-5, "{name} {at}: {value} {found}");
                checked += usize::from(found != 0.0);
            }
        }
        assert!(checked > 200, "{checked}");
    }

    #[test]
    fn it_begins_with_the_decisions_of_the_static_rule() {
        let (start, rule) = (start_of_router(1), RouterWeights::of_static_rule());
        for at in 0..50 {
            let factors = [at as f32 / 49.0, 0.3, 0.9, 0.4];
            let both = [start.decide(factors), rule.decide(factors)];
            assert!((both[0] - SHARPNESS * both[1]).abs() < 1e-5, "{both:?}");
        }
        assert_ne!(start, start_of_router(2));
    }
}
