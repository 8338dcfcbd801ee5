//! The backward pass of a block against quotients of differences of the plain form in f64, for every architecture.

use super::Gradients;
use crate::plain::{Model, Plain, models, values};
use crate::{Batch, MemoryWeights, WeightSource};
use kerf_kernels::Compute;

/// How far a weight or an input moves: the third derivative then shows in the eighth digit, and f64 has many more.
const STEP: f32 = 1.0 / 8192.0;
/// Of the length of the gradient, which is what its product with a vector of signs is about. The pass computes in f32 through a dozen
/// operations on up to 40 tokens.
const TOLERANCE: f64 = 1e-3;

/// A block of a model with what its loss, the sum of `out * wanted`, is computed from.
struct Case<'a> {
    model: &'a Model,
    compute: &'a Compute,
    block: usize,
    batch: Batch,
    x: Vec<f32>,
    wanted: Vec<f32>,
}

fn in_memory(model: &Model, compute: &Compute) -> MemoryWeights {
    let tensors = model.weights.tensors.iter();
    let names: Vec<&str> = tensors.map(|entry| entry.name.as_str()).collect();
    MemoryWeights::copy_of(&model.weights, compute, names).unwrap()
}

/// Two sequences, the second with a gap.
fn batch(model: &Model) -> Batch {
    let length = model.network.max_context().min(24);
    let whole = Batch::new(&[vec![0; length], vec![0; 9]]);
    let kept: Vec<usize> = (0..whole.tokens()).filter(|at| *at != length + 2).collect();
    whole.gather(&kept)
}

impl Case<'_> {
    fn loss(&self, weights: &dyn WeightSource, x: &[f64]) -> f64 {
        let hidden = self.model.network.hidden();
        let mut loss = 0.0;
        for pair in self.batch.starts.windows(2) {
            let plain = Plain {
                network: &self.model.network,
                weights,
                compute: self.compute,
                block: self.block,
                positions: &self.batch.positions[pair[0]..pair[1]],
            };
            let own = pair[0] * hidden..pair[1] * hidden;
            let out = plain.run(&x[own.clone()]).out;
            let terms = out.iter().zip(&self.wanted[own]);
            loss += terms
                .map(|(out, wanted)| out * f64::from(*wanted))
                .sum::<f64>();
        }
        loss
    }

    fn backward(&self, weights: &MemoryWeights, compute: &Compute) -> (Vec<f32>, Gradients) {
        let network = &self.model.network;
        let block = network
            .load_block_dense(compute, weights, self.block)
            .unwrap();
        let tensors = network.block_tensors(weights, self.block);
        let names = tensors.iter().map(|tensor| tensor.name.clone());
        let names: Vec<String> = names.chain(network.distance_bias()).collect();
        let names = names.iter().map(String::as_str);
        let mut gradients = Gradients::zeros(weights, names).unwrap();
        let saved = network.forward_saving(compute, &block, &self.batch, &mut self.x.clone());
        let grad = network.backward_block(
            compute,
            &block,
            &tensors,
            &self.batch,
            &saved,
            self.wanted.clone(),
            &mut gradients,
        );
        (grad, gradients)
    }
}

/// Where the activation has a kink, a step may cross it, and the quotient is between two slopes.
const TOLERANCE_OF_KINKS: f64 = 3e-2;

fn check(what: &str, tolerance: f64, grad: &[f32], direction: &[f64], found: f64) {
    let wanted: f64 = (grad.iter().zip(direction))
        .map(|(grad, by)| f64::from(*grad) * by)
        .sum();
    let length: f64 = (grad.iter().zip(direction))
        .map(|(grad, by)| (f64::from(*grad) * by).powi(2))
        .sum();
    let allowed = tolerance * length.sqrt().max(1e-2 * f64::from(STEP));
    assert!(
        (wanted - found).abs() <= allowed,
        "{what}: {wanted} instead of {found}, allowed {allowed}"
    );
}

fn battery(case: &Case<'_>) {
    let (name, block) = (&case.model.name, case.block);
    let tolerance = match case.model.network.settings.activation {
        crate::arch::Activation::Relu => TOLERANCE_OF_KINKS,
        _ => TOLERANCE,
    };
    let mut weights = in_memory(case.model, case.compute);
    let (grad, gradients) = case.backward(&weights, case.compute);
    let x: Vec<f64> = case.x.iter().map(|x| f64::from(*x)).collect();
    let signs = values(x.len(), 5);
    let direction: Vec<f64> = signs
        .iter()
        .map(|sign| f64::from(STEP * sign.signum()))
        .collect();
    let moved = |way: f64| -> Vec<f64> {
        x.iter()
            .zip(&direction)
            .map(|(x, by)| x + way * by)
            .collect()
    };
    let found = (case.loss(&weights, &moved(1.0)) - case.loss(&weights, &moved(-1.0))) / 2.0;
    check(
        &format!("{name} block {block}: the input"),
        tolerance,
        &grad,
        &direction,
        found,
    );
    let names: Vec<String> = gradients.names().map(String::from).collect();
    for tensor in names {
        let before = weights.get(&tensor).unwrap().to_vec();
        let signs = values(before.len(), 6);
        let mut at = |way: f32| {
            let own = weights.get_mut(&tensor).unwrap();
            for ((own, before), sign) in own.iter_mut().zip(&before).zip(&signs) {
                *own = before + way * STEP * sign.signum();
            }
            let there = own.to_vec();
            (there, case.loss(&weights, &x))
        };
        let ((up, high), (down, low)) = (at(1.0), at(-1.0));
        weights.get_mut(&tensor).unwrap().copy_from_slice(&before);
        // Rounding has its part in how far a weight moved.
        let direction: Vec<f64> = (up.iter().zip(&down))
            .map(|(up, down)| (f64::from(*up) - f64::from(*down)) / 2.0)
            .collect();
        let grad = gradients.get(&tensor).unwrap();
        check(
            &format!("{name}: {tensor}"),
            tolerance,
            grad,
            &direction,
            (high - low) / 2.0,
        );
    }
}

#[test]
fn a_block_of_every_architecture_has_the_gradients_of_its_plain_form() {
    let compute = Compute::new(None, 2).unwrap();
    for model in models() {
        // Small ones suffice: the plain form is slow.
        if model.network.hidden() > 64 {
            continue;
        }
        let batch = batch(&model);
        let values_of = |seed| values(batch.tokens() * model.network.hidden(), seed);
        for block in 0..model.network.blocks().min(2) {
            battery(&Case {
                compute: &compute,
                block,
                x: values_of(3),
                wanted: values_of(4),
                batch: batch.clone(),
                model: &model,
            });
        }
    }
}

#[test]
fn threads_change_no_bit() {
    for model in models() {
        let whole = Batch::new(&[vec![0; model.network.max_context().min(150)], vec![0; 9]]);
        let values_of = |seed| values(whole.tokens() * model.network.hidden(), seed);
        let run = |threads: usize| {
            let compute = Compute::new(None, threads).unwrap();
            let case = Case {
                compute: &compute,
                block: 0,
                x: values_of(3),
                wanted: values_of(4),
                batch: whole.clone(),
                model: &model,
            };
            let (grad, gradients) = case.backward(&in_memory(&model, &compute), &compute);
            let all: Vec<Vec<f32>> = (gradients.names())
                .map(|name| gradients.get(name).unwrap().to_vec())
                .collect();
            (grad, all)
        };
        let one = run(1);
        for threads in [2, 5] {
            assert!(run(threads) == one, "{} with {threads} threads", model.name);
        }
    }
}
