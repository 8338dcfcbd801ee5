//! Backward of blocks that tokens skip, against quotients of differences of the plain form in f64.

use super::{Gradients, RoutedBlock};
use crate::gate::{StandIn, root_mean_square};
use crate::plain::{Model, Plain, models, values};
use crate::{Batch, Kind};
use kerf_kernels::Compute;

/// How far a state moves: see `block_tests`.
const STEP: f64 = 1.0 / 8192.0;
/// Of the size of the result; the pass is f32 through two blocks.
const TOLERANCE: f64 = 2e-3;
const TOKENS: usize = 12;

/// Two blocks of a model, the tokens that each keeps, and a stand-in for the others. The loss is the sum of `out * wanted`.
struct Case<'a> {
    model: &'a Model,
    compute: &'a Compute,
    kept: [Vec<usize>; 2],
    stand_in: StandIn,
    wanted: Vec<f32>,
}

impl Case<'_> {
    fn plain(&self, block: usize, positions: &[usize], x: &[f64]) -> Vec<f64> {
        let plain = Plain {
            network: &self.model.network,
            weights: &self.model.weights,
            compute: self.compute,
            block,
            positions,
        };
        plain.run(x).out
    }

    /// One block, where the update of the token `scaled.0` counts `scaled.1` times.
    fn step(&self, block: usize, x: &mut [f64], scaled: Option<(usize, f64)>) {
        let hidden = self.model.network.hidden();
        let kept = &self.kept[block];
        let own: Vec<f64> = (kept.iter())
            .flat_map(|place| x[place * hidden..][..hidden].to_vec())
            .collect();
        let out = self.plain(block, kept, &own);
        for place in 0..TOKENS {
            let state = x[place * hidden..][..hidden].to_vec();
            let with = match kept.binary_search(&place) {
                Ok(at) => out[at * hidden..][..hidden].to_vec(),
                Err(_) => self.instead(block, &state),
            };
            let by = scaled.filter(|own| own.0 == place).map_or(1.0, |own| own.1);
            let without = self.instead(block, &state);
            for (at, own) in x[place * hidden..][..hidden].iter_mut().enumerate() {
                *own = without[at] + by * (with[at] - without[at]);
            }
        }
    }

    fn instead(&self, block: usize, state: &[f64]) -> Vec<f64> {
        let (own, rank) = (&self.stand_in.blocks[block], self.stand_in.rank);
        let single: Vec<f32> = state.iter().map(|value| *value as f32).collect();
        let by = 1.0 / root_mean_square(&single);
        let inside: Vec<f64> = (own.down.chunks_exact(state.len()))
            .map(|row| {
                let products = row.iter().zip(state).map(|(a, b)| f64::from(*a) * b);
                products.sum::<f64>() * by
            })
            .collect();
        let rows = own.up.chunks_exact(rank).zip(state);
        rows.map(|(row, own)| {
            let products = row.iter().zip(&inside).map(|(a, b)| f64::from(*a) * b);
            own + products.sum::<f64>()
        })
        .collect()
    }

    fn loss(&self, x: &[f64], scaled: Option<(usize, usize, f64)>) -> f64 {
        let mut x = x.to_vec();
        for block in 0..2 {
            let own = scaled.filter(|own| own.0 == block);
            self.step(block, &mut x, own.map(|own| (own.1, own.2)));
        }
        let terms = x.iter().zip(&self.wanted);
        terms.map(|(x, wanted)| x * f64::from(*wanted)).sum()
    }
}

fn case<'a>(model: &'a Model, compute: &'a Compute) -> Case<'a> {
    let hidden = model.network.hidden();
    let mut stand_in = StandIn::new(2, hidden, 2, 3);
    for (block, own) in stand_in.blocks.iter_mut().enumerate() {
        own.up = values(hidden * 2, 11 + block as u64);
    }
    Case {
        model,
        compute,
        kept: [vec![0, 2, 3, 7, 8, 9, 11], vec![0, 1, 3, 8, 10, 11]],
        stand_in,
        wanted: values(TOKENS * hidden, 4),
    }
}

/// Gradient of the input, and the credits of both blocks.
fn backward(case: &Case<'_>, x: &[f32], compute: &Compute) -> (Vec<f32>, [Vec<f64>; 2]) {
    let (network, batch) = (&case.model.network, Batch::new(&[vec![0; TOKENS]]));
    let hidden = network.hidden();
    let blocks = [0, 1].map(|block| {
        let loaded = network.load_block_dense(compute, &case.model.weights, block);
        loaded.unwrap()
    });
    let mut second = x.to_vec();
    case.stand_in.add(compute, 0, &mut second);
    let mut own = crate::gate::rows(x, hidden, &case.kept[0]);
    network.run_block(
        compute,
        &blocks[0],
        &batch.gather(&case.kept[0]),
        &mut own,
        None,
    );
    crate::gate::put(&own, hidden, &case.kept[0], &mut second);
    let inputs = [x.to_vec(), second];
    let (mut grad, mut credits) = (case.wanted.clone(), [Vec::new(), Vec::new()]);
    let mut gradients = Gradients::default();
    for block in [1, 0] {
        let routed = RoutedBlock {
            block: &blocks[block],
            batch: &batch,
            kept: &case.kept[block],
            x: &inputs[block],
            stand_in: Some(&case.stand_in),
        };
        let own = network.backward_routed(compute, routed, grad, true, &mut gradients);
        grad = own.input;
        credits[block] = own.credits;
    }
    (grad, credits)
}

fn small_decoders() -> Vec<Model> {
    let mut all = models();
    all.retain(|model| {
        let network = &model.network;
        network.kind() == Kind::Decoder && network.hidden() <= 64 && network.blocks() >= 2
    });
    assert!(all.len() >= 5, "{}", all.len());
    all
}

#[test]
fn the_input_has_the_gradient_of_the_plain_form() {
    let compute = Compute::new(None, 2).unwrap();
    for model in small_decoders() {
        let case = case(&model, &compute);
        let x = values(TOKENS * model.network.hidden(), 3);
        let (grad, _) = backward(&case, &x, &compute);
        let signs = values(x.len(), 5);
        let moved = |way: f64| -> Vec<f64> {
            let pairs = x.iter().zip(&signs);
            pairs
                .map(|(x, sign)| f64::from(*x) + way * STEP * f64::from(sign.signum()))
                .collect()
        };
        let found = (case.loss(&moved(1.0), None) - case.loss(&moved(-1.0), None)) / (2.0 * STEP);
        let wanted: f64 = (grad.iter().zip(&signs))
            .map(|(grad, sign)| f64::from(*grad) * f64::from(sign.signum()))
            .sum();
        let size: f64 = grad.iter().map(|grad| f64::from(*grad).powi(2)).sum();
        let allowed = 10.0 * TOLERANCE * size.sqrt();
        assert!(
            (found - wanted).abs() <= allowed,
            "{}: {wanted} {found}",
            model.name
        );
    }
}

#[test]
fn a_credit_of_a_last_block_is_what_its_update_and_its_key_are_worth() {
    let compute = Compute::new(None, 2).unwrap();
    for model in small_decoders() {
        let case = case(&model, &compute);
        let x = values(TOKENS * model.network.hidden(), 3);
        let (_, credits) = backward(&case, &x, &compute);
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        // The last kept token is no key of another: its credit is that of its update alone, whose slope is the quotient.
        for (block, credits) in credits.iter().enumerate().take(2) {
            let last = TOKENS - 1;
            let at = |by| case.loss(&x, Some((block, last, by)));
            let found = (at(1.0 + STEP) - at(1.0 - STEP)) / (2.0 * STEP);
            let own = credits[last];
            let allowed = TOLERANCE * found.abs().max(1.0) * 10.0;
            assert!(
                (own - found).abs() <= allowed,
                "{} block {block}: {own} instead of {found}",
                model.name
            );
        }
    }
}

#[test]
fn threads_change_no_bit_of_routed_blocks() {
    for model in small_decoders() {
        let run = |threads| {
            let compute = Compute::new(None, threads).unwrap();
            let case = case(&model, &compute);
            backward(&case, &values(TOKENS * model.network.hidden(), 3), &compute)
        };
        let (one, two) = (run(1), run(2));
        assert!(one == two, "{}", model.name);
    }
}
