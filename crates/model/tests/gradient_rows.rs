//! The battery of the backward pass for every row of the table, on the model that its data makes: the loss falls as the gradient of each
//! tensor says. And the losses that no golden has.
#![cfg(feature = "train")]

mod common;

use common::rows::{TOKENS, config, weights};
use common::*;
use kerf_model::arch::{self, Architecture};
use kerf_model::backward::{
    Against, Classification, Cosine, Gradients, Loss, MeanSquare, NextToken, SpanTeacher, Teacher,
    Wanted, loss_and_gradients,
};
use kerf_model::evaluate::Pooling;
use kerf_model::{Batch, ClassifierHead, Kind, MemoryWeights, Network, SpanLogits, WeightSource};

/// How far each weight moves.
const STEP: f32 = 1.0 / 4096.0;
/// Of the length of a gradient: the step is long, since a loss in f32 must move by much more than its rounding. Where the activation has
/// a kink, some units cross it.
const TOLERANCE: f64 = 0.04;

fn signs(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if state >> 63 == 0 { STEP } else { -STEP }
    };
    (0..count).map(next).collect()
}

struct Case<'a> {
    name: &'a str,
    network: &'a Network,
    batch: &'a Batch,
    loss: &'a dyn Loss,
}

impl Case<'_> {
    fn value(&self, weights: &dyn WeightSource, gradients: &mut Gradients) -> f64 {
        let (network, batch) = (self.network, self.batch);
        loss_and_gradients(
            network,
            &compute(),
            weights,
            batch,
            self.loss,
            1.0,
            gradients,
        )
        .unwrap()
    }

    /// Every tensor, moved both ways along random signs.
    fn check(&self, weights: &mut MemoryWeights) {
        let mut gradients = Gradients::zeros(weights, weights.names()).unwrap();
        let value = self.value(weights, &mut gradients);
        assert!(value.is_finite() && value != 0.0, "{}: {value}", self.name);
        let whole = gradients.norm(&compute());
        let names: Vec<String> = gradients.names().map(String::from).collect();
        let mut learned = 0;
        for tensor in &names {
            let grad = gradients.get(tensor).unwrap();
            let by = signs(grad.len(), 3);
            let pairs = grad.iter().zip(&by);
            let wanted: f64 = pairs
                .map(|(grad, by)| f64::from(*grad) * f64::from(*by))
                .sum();
            let length = grad
                .iter()
                .map(|x| f64::from(*x).powi(2))
                .sum::<f64>()
                .sqrt();
            let before = weights.get(tensor).unwrap().to_vec();
            let mut at = |way: f32| {
                let own = weights.get_mut(tensor).unwrap();
                for ((own, before), by) in own.iter_mut().zip(&before).zip(&by) {
                    *own = before + way * by;
                }
                self.value(weights, &mut Gradients::default())
            };
            let found = (at(1.0) - at(-1.0)) / 2.0;
            weights.get_mut(tensor).unwrap().copy_from_slice(&before);
            let step = f64::from(STEP);
            let allowed = TOLERANCE * length * step + 2e-3 * whole * step + 1e-6 * value;
            assert!(
                (found - wanted).abs() <= allowed,
                "{}: {tensor}: {wanted} instead of {found}, allowed {allowed}",
                self.name
            );
            learned += usize::from(length > 1e-3 * whole);
        }
        assert!(
            3 * learned > names.len(),
            "{}: {learned} of {}",
            self.name,
            names.len()
        );
    }
}

fn battery(row: &'static Architecture) {
    let config = config(row);
    let memory = weights(row, &config);
    let network = Network::open(&config, &memory).unwrap();
    let names = memory.tensors.keys().map(String::as_str);
    let mut weights = MemoryWeights::copy_of(&memory, &compute(), names).unwrap();
    let ids = some_ids(TOKENS, 32);
    let batch = Batch::new(&[&ids[..], &ids[3..20]]);
    let wanted: Vec<f32> = (0..batch.tokens() * network.hidden())
        .map(|at| ((at * at + 3 * at) % 17) as f32 / 8.0 - 1.0)
        .collect();
    let (words, states) = (
        NextToken::of(&batch, |_| true),
        MeanSquare { wanted: &wanted },
    );
    let case = Case {
        name: row.id,
        network: &network,
        batch: &batch,
        loss: match network.kind() {
            Kind::Decoder if network.head().is_some() => &words,
            _ => &states,
        },
    };
    case.check(&mut weights);
}

#[test]
fn the_loss_of_every_row_moves_as_its_gradients_say() {
    for row in arch::table() {
        battery(row);
    }
}

#[test]
fn cosines_of_pairs_and_every_pooling_move_as_their_gradients_say() {
    let model = Model::open(&golden("bert-relu"));
    let ids = &Reference::open(&golden("bert-relu")).ids()[0];
    let batch = Batch::new(&[&ids[..], &ids[3..9], &ids[1..2], &ids[5..16]]);
    let tensors = model.catalog.tensors.iter();
    let names: Vec<&str> = tensors.map(|entry| entry.name.as_str()).collect();
    let mut weights = MemoryWeights::copy_of(&model.catalog, &compute(), names).unwrap();
    for pooling in [
        Pooling::Mean,
        Pooling::Cls,
        Pooling::LastToken,
        Pooling::MeanSqrtLen,
        Pooling::WeightedMean,
        Pooling::Max,
    ] {
        let against = Against::Pairs(&[-0.9, 0.2]);
        let loss = Cosine { pooling, against };
        let case = Case {
            name: &format!("{pooling:?}"),
            network: &model.network,
            batch: &batch,
            loss: &loss,
        };
        case.check(&mut weights);
    }
}

/// A model with its tensors in memory.
fn in_memory(model: &Model) -> MemoryWeights {
    let tensors = model.catalog.tensors.iter();
    let names: Vec<&str> = tensors.map(|entry| entry.name.as_str()).collect();
    MemoryWeights::copy_of(&model.catalog, &compute(), names).unwrap()
}

/// Logits of another model, as wide apart as those of one that is sure of itself.
fn logits(count: usize) -> Vec<f32> {
    (0..count)
        .map(|at| ((at * at + at) % 13) as f32 / 2.0 - 3.0)
        .collect()
}

#[test]
fn softened_labels_and_answers_move_as_their_gradients_say() {
    for temperature in [1.0, 3.0] {
        for name in ["bert-classifier", "bert-span"] {
            let folder = root().join("test/golden/head").join(name);
            let (model, reference) = (Model::open(&folder), Reference::open(&folder));
            let batch = Batch::new(&reference.ids());
            let config = model.catalog.files.config.as_ref().unwrap();
            let spans: Vec<SpanLogits> = (batch.starts.windows(2))
                .map(|pair| SpanLogits {
                    start: logits(pair[1] - pair[0]),
                    end: logits(pair[1] - pair[0] + 5)[5..].to_vec(),
                })
                .collect();
            let answers = SpanTeacher {
                config,
                logits: spans,
                temperature,
            };
            let labels = || {
                let load = ClassifierHead::load;
                let head = load(&model.network, config, &compute(), &model.catalog).unwrap();
                Classification {
                    config,
                    wanted: Wanted::Logits {
                        logits: logits(batch.sequences() * head.labels().names.len()),
                        temperature,
                    },
                }
            };
            let labels = (name != "bert-span").then(labels);
            let loss = labels
                .as_ref()
                .map_or(&answers as &dyn Loss, |labels| labels);
            let case = Case {
                name,
                network: &model.network,
                batch: &batch,
                loss,
            };
            case.check(&mut in_memory(&model));
        }
    }
}

#[test]
fn a_softened_teacher_moves_as_its_gradient_says() {
    let folder = golden("gpt2");
    let (model, reference) = (Model::open(&folder), Reference::open(&folder));
    let ids = &reference.ids()[0];
    let batch = Batch::new(&[&ids[..], &ids[3..12]]);
    let states: Vec<f32> = (0..batch.tokens() * model.network.hidden())
        .map(|at| ((at * 7 + 3) % 11) as f32 / 5.0 - 1.0)
        .collect();
    let teacher = || Teacher {
        network: &model.network,
        weights: &model.catalog,
        states: &states,
        tokens: (0..batch.tokens()).collect(),
        pieces: None,
    };
    let soft = teacher().softened(2.5);
    let case = Case {
        name: "softened teacher",
        network: &model.network,
        batch: &batch,
        loss: &soft,
    };
    let mut weights = in_memory(&model);
    case.check(&mut weights);
    // At a temperature of 1 it is the teacher itself; at a high one, T^2 KL nears half the variance of the difference of logits,
    // which a further doubling hardly changes.
    let value = |loss: &dyn Loss| {
        let (network, compute) = (&model.network, compute());
        let none = &mut Gradients::default();
        loss_and_gradients(network, &compute, &weights, &batch, loss, 1.0, none).unwrap()
    };
    assert_eq!(value(&teacher().softened(1.0)), value(&teacher()));
    let (hot, hotter) = (
        value(&teacher().softened(16.0)),
        value(&teacher().softened(32.0)),
    );
    assert!(
        (hot - hotter).abs() < 0.1 * hot && hot != hotter,
        "{hot} {hotter}"
    );
}
