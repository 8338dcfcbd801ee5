//! Outputs against transformers.

mod common;

use common::*;
use kerf_model::evaluate::Runner;
use kerf_model::{Network, WeightSource};
use serde_json::Value;

const TOLERANCE: f32 = 1e-4;

#[test]
fn llama_logits_equal_the_shape_fixture() {
    let Some(folder) = shared("models/shape-fixtures/llama") else {
        return;
    };
    let (model, reference, compute) = (Model::open(&folder), Reference::open(&folder), compute());
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 0);
    let logits: Vec<f32> = reference
        .ids()
        .iter()
        .flat_map(|ids| runner.logits(ids).unwrap())
        .collect();
    let worst = distance(&logits, &reference.values("logits"));
    assert!(worst <= TOLERANCE, "{worst}");
}

#[test]
fn bert_last_hidden_states_equal_the_shape_fixture() {
    let Some(folder) = shared("models/shape-fixtures/bert") else {
        return;
    };
    let (model, reference, compute) = (Model::open(&folder), Reference::open(&folder), compute());
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 0);
    let states: Vec<f32> = reference
        .ids()
        .iter()
        .flat_map(|ids| runner.hidden_states(ids).unwrap())
        .collect();
    let worst = distance(&states, &reference.values("last_hidden_state"));
    assert!(worst <= TOLERANCE, "{worst}");
}

#[test]
fn biases_an_untied_head_and_a_given_head_width_equal_transformers() {
    let folder = golden("llama-biases");
    let (model, reference, compute) = (Model::open(&folder), Reference::open(&folder), compute());
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 0);
    let logits = runner.logits(&reference.ids()[0]).unwrap();
    let worst = distance(&logits, &reference.values("logits"));
    assert!(worst <= TOLERANCE, "{worst}");
}

#[test]
fn a_bare_bert_with_relu_equals_transformers() {
    let folder = golden("bert-relu");
    let (model, reference, compute) = (Model::open(&folder), Reference::open(&folder), compute());
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 0);
    let states = runner.hidden_states(&reference.ids()[0]).unwrap();
    let worst = distance(&states, &reference.values("last_hidden_state"));
    assert!(worst <= TOLERANCE, "{worst}");
}

/// The parameters of one case as configurations before transformers 5 had them.
fn older_form(config: &Value, parameters: &Value) -> Value {
    let mut config = config.clone();
    let mut scaling = parameters.as_object().unwrap().clone();
    let theta = scaling.remove("rope_theta").unwrap();
    let kind = scaling.remove("rope_type").unwrap();
    scaling.insert("type".into(), kind);
    config.as_object_mut().unwrap().remove("rope_parameters");
    config["rope_theta"] = theta;
    config["rope_scaling"] = Value::Object(scaling);
    config
}

#[test]
fn rope_scalings_equal_transformers_in_both_forms() {
    let folder = golden("llama-rope");
    let (model, reference, compute) = (Model::open(&folder), Reference::open(&folder), compute());
    let config = model.catalog.config.clone().unwrap();
    let cases = std::fs::read(folder.join("rope_parameters.json")).unwrap();
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    let ids = &reference.ids()[0];
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for (name, parameters) in cases.as_object().unwrap() {
        let mut newer = config.clone();
        newer["rope_parameters"] = parameters.clone();
        for config in [older_form(&config, parameters), newer] {
            let network = Network::open(&config, &model.catalog).unwrap();
            let logits = Runner::new(&network, &model.catalog, &compute, 0)
                .logits(ids)
                .unwrap();
            let last = &logits[40 * network.vocab()..];
            let worst = distance(last, &reference.values(name));
            assert!(worst <= TOLERANCE, "{name}: {worst}");
        }
        seen.push(reference.values(name));
    }
    // The cases must differ among themselves, or equality with the reference would say nothing.
    for (index, values) in seen.iter().enumerate() {
        for other in &seen[..index] {
            assert!(distance(values, other) > 0.01);
        }
    }
}

#[test]
fn memory_sources_and_catalogs_are_interchangeable() {
    let folder = golden("llama-biases");
    let (model, compute) = (Model::open(&folder), compute());
    let mut memory = Memory::default();
    for entry in &model.catalog.tensors {
        let values = model.catalog.read_f32(&compute, entry).unwrap();
        memory
            .tensors
            .insert(entry.name.clone(), (entry.shape.clone(), values));
    }
    let config = model.catalog.config.clone().unwrap();
    let network = Network::open(&config, &memory).unwrap();
    let ids = some_ids(30, network.vocab());
    let logits = |weights: &dyn WeightSource| {
        Runner::new(&network, weights, &compute, 0)
            .logits(&ids)
            .unwrap()
    };
    assert_eq!(logits(&memory), logits(&model.catalog));
}
