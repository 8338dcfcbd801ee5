//! Gradients of whole models against PyTorch's (`test/golden/make_gradient_goldens.py`), and what else is true of a step.
#![cfg(feature = "train")]

mod common;

use common::*;
use kerf_kernels::Compute;
use kerf_model::backward::{
    Against, Classification, Cosine, Gradients, Loss, MeanSquare, NextToken, SpanOfAnswer,
    SpanTeacher, Sum, Teacher, Wanted, hidden_states, loss_and_gradients,
    loss_and_gradients_keeping,
};
use kerf_model::evaluate::{Pieces, Pooling};
use kerf_model::{Batch, Kind, MemoryWeights, SpanLogits};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Relative to the length of a gradient. Both sides compute in f32, in another order; gradients go back through up to 4 blocks whose
/// weights are large (0.3), so that errors grow.
const TOLERANCE: f64 = 1e-3;

/// The numbers of `made_up` in the script.
fn made_up(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn in_memory(model: &Model) -> MemoryWeights {
    let tensors = model.catalog.tensors.iter();
    let names: Vec<&str> = tensors.map(|entry| entry.name.as_str()).collect();
    MemoryWeights::copy_of(&model.catalog, &compute(), names).unwrap()
}

fn expected(folder: &Path) -> Value {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let path = root().join(format!("test/golden/gradient/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The step of a whole model, held to what PyTorch gives.
fn check(folder: &Path, model: &Model, batch: &Batch, loss: &dyn Loss) {
    let (expected, weights) = (expected(folder), in_memory(model));
    let tensors = expected["tensors"].as_object().unwrap();
    let names = tensors.keys().map(String::as_str);
    let mut gradients = Gradients::zeros(&weights, names).unwrap();
    let value = loss_and_gradients(
        &model.network,
        &compute(),
        &weights,
        batch,
        loss,
        1.0,
        &mut gradients,
    );
    let (value, wanted) = (value.unwrap(), expected["loss"].as_f64().unwrap());
    let name = folder.display();
    assert!(
        (value - wanted).abs() <= 1e-4 * wanted.abs(),
        "{name}: {value} instead of {wanted}"
    );
    let numbers = |values: &Value| -> Vec<f64> {
        let values = values.as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap()).collect()
    };
    let longest = tensors.values().map(|values| numbers(values)[1].sqrt());
    let longest = longest.fold(0.0, f64::max);
    let mut learned = 0;
    for (tensor, values) in tensors {
        let [sum, squares, dot] = numbers(values)[..] else {
            panic!("three numbers a tensor");
        };
        let own = gradients.get(tensor).unwrap();
        let wide = || own.iter().map(|x| f64::from(*x));
        let by = made_up(own.len(), 9);
        let own_dot: f64 = wide().zip(&by).map(|(x, by)| x * f64::from(*by)).sum();
        let own_length = wide().map(|x| x * x).sum::<f64>().sqrt();
        // A sum of n values has an error of sqrt(n) times that of one; what is zero but for rounding is held to the whole.
        let allowed = TOLERANCE * squares.sqrt() + 1e-6 * longest;
        for (what, own, wanted) in [
            ("sum", wide().sum::<f64>(), sum),
            ("dot", own_dot, dot),
            ("length", own_length, squares.sqrt()),
        ] {
            assert!(
                (own - wanted).abs() <= allowed,
                "{name}: {what} of {tensor}: {own} instead of {wanted}, allowed {allowed}"
            );
        }
        learned += usize::from(squares > 0.0);
    }
    assert!(learned > 10, "{name}: {learned}");
}

/// The whole text of a golden model, and a part of it.
fn batch(folder: &Path) -> Batch {
    let ids = Reference::open(folder).ids();
    Batch::new(&[&ids[0][..], &ids[0][3..12]])
}

fn next_token(batch: &Batch) -> NextToken {
    let starts = batch.starts.clone();
    NextToken::of(batch, |place| {
        let start = starts.iter().rfind(|start| **start <= place).unwrap();
        (place - start) % 4 != 2
    })
}

#[test]
fn models_have_the_gradients_of_pytorch() {
    for folder in goldens() {
        let (model, batch) = (Model::open(&folder), batch(&folder));
        if model.network.kind() == Kind::Decoder {
            check(&folder, &model, &batch, &next_token(&batch));
            continue;
        }
        let hidden = model.network.hidden();
        let vectors = made_up(2 * hidden, 21);
        let wanted = made_up(batch.tokens() * hidden, 22);
        let cosine = Cosine {
            pooling: Pooling::Mean,
            against: Against::Vectors(&vectors),
        };
        let square = MeanSquare { wanted: &wanted };
        check(
            &folder,
            &model,
            &batch,
            &Sum(vec![(1.0, &cosine), (0.5, &square)]),
        );
    }
}

fn heads() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("test/golden/head")).unwrap();
    folders.map(|folder| folder.unwrap().path()).collect()
}

#[test]
fn heads_have_the_gradients_of_pytorch() {
    let folders = heads();
    assert_eq!(folders.len(), 19);
    for folder in folders {
        let (model, reference) = (Model::open(&folder), Reference::open(&folder));
        let mut batch = Batch::new(&reference.ids());
        if let Some(types) = reference.types() {
            batch = batch.with_types(types);
        }
        let texts = batch.sequences();
        let config = model.catalog.files.config.as_ref().unwrap();
        let kind = expected(&folder)["kind"].as_str().unwrap().to_string();
        if kind == "span" {
            let answers = (0..texts)
                .map(|text| (1 + text % 3, 2 + text % 3))
                .collect();
            check(&folder, &model, &batch, &SpanOfAnswer { config, answers });
            continue;
        }
        let head =
            kerf_model::ClassifierHead::load(&model.network, config, &compute(), &model.catalog);
        let labels = head.unwrap().labels().names.len();
        let numbers = made_up(texts * labels, 23);
        let wanted = match kind.as_str() {
            "regression" => Wanted::Numbers(numbers),
            "multi_label_classification" => Wanted::Labels(
                numbers
                    .iter()
                    .map(|x| f32::from(u8::from(*x > 0.0)))
                    .collect(),
            ),
            _ => Wanted::Label((0..texts).map(|text| text % labels).collect()),
        };
        check(&folder, &model, &batch, &Classification { config, wanted });
    }
}

/// Logits of these probabilities; those of what is impossible are far below all others.
fn logits(probabilities: &[f32]) -> Vec<f32> {
    let of = |p: &f32| if *p > 0.0 { p.ln() } else { -80.0 };
    probabilities.iter().map(of).collect()
}

/// Probabilities by another model give the gradients of certain labels, which PyTorch's are held to, as often as they are likely: a gradient
/// is linear in them. Tolerance 1e-5 of the largest value: sums of f32.
#[test]
fn probabilities_of_another_model_teach_like_labels_as_often_as_they_are_likely() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("test/golden/head")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let model = Model::open(&folder);
        let config = model.catalog.files.config.as_ref().unwrap();
        let batch = Batch::new(&[vec![1, 7, 3, 9], vec![2, 5, 8]]);
        let class = model.network.labels().unwrap_or_default().to_owned();
        // Two certain ways to label the batch, one as likely as 0.25, and the loss of probabilities.
        let (certain, mixed): ([Box<dyn Loss>; 2], Box<dyn Loss>) =
            if class.ends_with("QuestionAnswering") {
                let of = |answers: [(usize, usize); 2]| -> Box<dyn Loss> {
                    let answers = answers.to_vec();
                    Box::new(SpanOfAnswer { config, answers })
                };
                let of_text = |start: &[f32], end: &[f32]| SpanLogits {
                    start: logits(start),
                    end: logits(end),
                };
                let first = of_text(&[0.0, 0.25, 0.75, 0.0], &[0.0, 0.0, 0.25, 0.75]);
                let second = of_text(&[1.0, 0.0, 0.0], &[0.0, 0.25, 0.75]);
                let loss = SpanTeacher {
                    config,
                    logits: vec![first, second],
                    temperature: 1.0,
                };
                ([of([(1, 2), (0, 1)]), of([(2, 3), (0, 2)])], Box::new(loss))
            } else {
                let head = kerf_model::ClassifierHead::load(
                    &model.network,
                    config,
                    &compute(),
                    &model.catalog,
                );
                let Ok(head) = head else { continue };
                let labels = head.labels().names.len();
                if labels < 2 {
                    continue;
                }
                let mut shares = vec![0.0; 2 * labels];
                shares[0] += 0.25;
                shares[1] += 0.75;
                shares[labels + labels - 1] = 1.0;
                let of = |label| -> Box<dyn Loss> {
                    let wanted = Wanted::Label(vec![label, labels - 1]);
                    Box::new(Classification { config, wanted })
                };
                let wanted = Wanted::Logits {
                    logits: logits(&shares),
                    temperature: 1.0,
                };
                ([of(0), of(1)], Box::new(Classification { config, wanted }))
            };
        let [one, other] = certain.map(|loss| step(&model, &compute(), &batch, &*loss));
        let (loss, gradients) = step(&model, &compute(), &batch, &*mixed);
        let entropy = -(0.25 * 0.25f64.ln() + 0.75 * 0.75f64.ln());
        // Half of the rows are uncertain; of spans three of four, each of which counts half.
        let rows = if class.ends_with("QuestionAnswering") {
            0.75
        } else {
            0.5
        };
        let wanted = 0.25 * one.0 + 0.75 * other.0 - rows * entropy;
        assert!(
            (loss - wanted).abs() < 1e-5 * wanted.abs().max(1.0),
            "{folder:?}: {loss} {wanted}"
        );
        let all = one.1.iter().chain(&other.1).flatten();
        let most = all.fold(0.0f32, |most, x| most.max(x.abs()));
        for ((own, one), other) in gradients.iter().zip(&one.1).zip(&other.1) {
            for ((own, one), other) in own.iter().zip(one).zip(other) {
                let wanted = 0.25 * one + 0.75 * other;
                assert!(
                    (own - wanted).abs() <= 1e-5 * most,
                    "{folder:?}: {own} {wanted}"
                );
            }
        }
        seen += 1;
    }
    assert!(seen > 4, "{seen}");
}

/// A step of a decoder with a loss.
fn step(model: &Model, compute: &Compute, batch: &Batch, loss: &dyn Loss) -> (f64, Vec<Vec<f32>>) {
    let weights = in_memory(model);
    let mut gradients = Gradients::zeros(&weights, weights.names()).unwrap();
    let value = loss_and_gradients(
        &model.network,
        compute,
        &weights,
        batch,
        loss,
        1.0,
        &mut gradients,
    );
    let names = gradients.names();
    let all = names.map(|name| gradients.get(name).unwrap().to_vec());
    (value.unwrap(), all.collect())
}

#[test]
fn threads_change_no_bit_of_a_step() {
    for name in ["gemma2", "mpnet", "gpt2", "llama-biases"] {
        let folder = golden(name);
        let (model, batch) = (Model::open(&folder), batch(&folder));
        let wanted = made_up(batch.tokens() * model.network.hidden(), 22);
        let run = |threads: usize| {
            let compute = Compute::new(None, threads).unwrap();
            match model.network.kind() {
                Kind::Decoder => step(&model, &compute, &batch, &next_token(&batch)),
                Kind::Encoder => step(&model, &compute, &batch, &MeanSquare { wanted: &wanted }),
            }
        };
        let one = run(1);
        assert!(run(2) == one && run(5) == one, "{name}");
    }
}

/// A model that is its own teacher has nothing to learn; one whose head is moved has, and its loss falls along the gradient.
#[test]
fn a_teacher_pulls_towards_itself() {
    for name in ["gemma2", "gpt2"] {
        let folder = golden(name);
        let (model, batch, compute) = (Model::open(&folder), batch(&folder), compute());
        let own = in_memory(&model);
        let states = hidden_states(&model.network, &compute, &own, &batch).unwrap();
        let teacher = || Teacher {
            network: &model.network,
            weights: &own,
            states: &states,
            tokens: (0..batch.tokens()).filter(|token| token % 3 != 1).collect(),
            pieces: None,
        };
        let (value, gradients) = step(&model, &compute, &batch, &teacher());
        let largest = gradients
            .iter()
            .flatten()
            .fold(0.0f32, |most, x| most.max(x.abs()));
        assert!(value < 1e-5 && largest < 1e-5, "{name}: {value} {largest}");
        let mut student = in_memory(&model);
        let names: Vec<String> = student.names().map(String::from).collect();
        for tensor in &names {
            let values = student.get_mut(tensor).unwrap();
            let by = made_up(values.len(), 31);
            values
                .iter_mut()
                .zip(by)
                .for_each(|(value, by)| *value += 0.02 * by);
        }
        let loss = |weights: &MemoryWeights, gradients: &mut Gradients| {
            let loss = &teacher();
            loss_and_gradients(
                &model.network,
                &compute,
                weights,
                &batch,
                loss,
                1.0,
                gradients,
            )
            .unwrap()
        };
        let mut gradients = Gradients::zeros(&student, student.names()).unwrap();
        let before = loss(&student, &mut gradients);
        let length = gradients.norm(&compute);
        assert!(before > 1e-4 && length > 1e-3, "{name}: {before} {length}");
        // Both ways along the gradient: the slope is its length.
        let step = (1e-3 * before / length) as f32 * 10.0;
        let mut along = |way: f32| {
            for tensor in &names {
                let grad = gradients.get(tensor).unwrap();
                let values = student.get_mut(tensor).unwrap();
                for (value, grad) in values.iter_mut().zip(grad) {
                    *value += way * step * grad / length as f32;
                }
            }
            loss(&student, &mut Gradients::default())
        };
        let (up, down) = (along(1.0), along(-2.0));
        let slope = (up - down) / (2.0 * f64::from(step));
        // The loss is known to about 1e-7 of logits of about 1, and moves by 2 % of itself.
        assert!(
            (slope - length).abs() < 0.03 * length,
            "{name}: {slope} {length}"
        );
    }
}

#[test]
fn the_vocabulary_in_pieces_gives_what_it_gives_at_once() {
    // A vocabulary of 600 is one piece by width 16, and three by a width that leaves 256 tokens a piece.
    let (config, mut weights) = small_llama();
    let mut config = config;
    config["vocab_size"] = 600.into();
    weights.add("model.embed_tokens.weight", &[600, 16], 0.0, 1.0);
    weights.add("lm_head.weight", &[600, 16], 0.0, 1.0);
    let network = kerf_model::Network::open(&config, &weights).unwrap();
    let batch = Batch::new(&[some_ids(40, 600), some_ids(7, 600)]);
    // A teacher with states of its own.
    let states = made_up(batch.tokens() * 16, 41);
    let run = |hidden: usize, teacher: bool| {
        let pieces = Pieces::new(600, hidden);
        let words = NextToken::of(&batch, |_| true).in_pieces(pieces);
        let teacher_of = Teacher {
            network: &network,
            weights: &weights,
            states: &states,
            tokens: (0..batch.tokens()).collect(),
            pieces: Some(pieces),
        };
        let loss: &dyn Loss = if teacher { &teacher_of } else { &words };
        let names = weights.tensors.keys().map(String::as_str);
        let mut own = Gradients::zeros(&weights, names).unwrap();
        let value = loss_and_gradients(&network, &compute(), &weights, &batch, loss, 1.0, &mut own);
        (value.unwrap(), own)
    };
    assert_eq!(Pieces::new(600, 16).ranges().count(), 1);
    assert_eq!(Pieces::new(600, 1 << 16).ranges().count(), 3);
    for teacher in [false, true] {
        let ((whole, of_whole), (parts, of_parts)) = (run(16, teacher), run(1 << 16, teacher));
        assert!((whole - parts).abs() <= 1e-6 * whole, "{whole} {parts}");
        for name in of_whole.names() {
            let (a, b) = (of_whole.get(name).unwrap(), of_parts.get(name).unwrap());
            let largest = a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            assert!(largest > 0.0 && distance(a, b) <= 1e-4 * largest, "{name}");
        }
    }
}

#[test]
fn what_is_kept_changes_no_bit() {
    for name in ["gemma2", "modernbert"] {
        let folder = golden(name);
        let (model, batch) = (Model::open(&folder), batch(&folder));
        let weights = in_memory(&model);
        let wanted = made_up(batch.tokens() * model.network.hidden(), 22);
        let (network, loss) = (&model.network, MeanSquare { wanted: &wanted });
        let run = |bytes: u64| {
            let mut own = Gradients::zeros(&weights, weights.names()).unwrap();
            let (compute, own) = (compute(), &mut own);
            let value = loss_and_gradients_keeping(
                network, &compute, &weights, &batch, &loss, 1.0, own, bytes,
            );
            let all: Vec<Vec<f32>> = (own.names())
                .map(|name| own.get(name).unwrap().to_vec())
                .collect();
            (value.unwrap(), all)
        };
        let none = run(0);
        assert!(run(u64::MAX) == none && run(200_000) == none, "{name}");
    }
}
