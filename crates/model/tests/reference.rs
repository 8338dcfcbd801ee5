//! Outputs against transformers.

mod common;

use common::*;
use kerf_model::evaluate::Runner;
use kerf_model::{Batch, BlockCache, Kind, Network, WeightSource};
use serde_json::{Value, json};
use std::path::Path;

const TOLERANCE: f32 = 1e-4;

/// What a model computes of the sequences of its reference: logits, or last hidden states of an encoder.
fn computed(model: &Model, reference: &Reference) -> Vec<f32> {
    let compute = compute();
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 0);
    let mut outputs = |ids: &Vec<u32>| match model.network.kind() {
        Kind::Decoder => runner.logits(ids).unwrap(),
        Kind::Encoder => runner.hidden_states(ids).unwrap(),
    };
    reference.ids().iter().flat_map(&mut outputs).collect()
}

fn output_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Decoder => "logits",
        Kind::Encoder => "last_hidden_state",
    }
}

fn equals_its_reference(folder: &Path) {
    let (model, reference) = (Model::open(folder), Reference::open(folder));
    let expected = reference.values(output_name(model.network.kind()));
    let worst = distance(&computed(&model, &reference), &expected);
    assert!(worst <= TOLERANCE, "{}: {worst}", folder.display());
}

#[test]
fn every_shape_fixture_is_computed_as_transformers_does() {
    let Some(folder) = shared("models/shape-fixtures") else {
        return;
    };
    let fixtures = std::fs::read_dir(folder).unwrap();
    for fixture in fixtures {
        equals_its_reference(&fixture.unwrap().path());
    }
}

#[test]
fn every_golden_model_is_computed_as_transformers_does() {
    for folder in goldens() {
        equals_its_reference(&folder);
    }
}

/// Every decoder, token by token and in pieces, with the keys and values of what came before.
#[test]
fn decoding_with_a_cache_equals_the_whole_sequence() {
    let compute = compute();
    for folder in goldens() {
        let (model, reference) = (Model::open(&folder), Reference::open(&folder));
        if model.network.kind() != Kind::Decoder {
            continue;
        }
        let (network, ids) = (&model.network, &reference.ids()[0]);
        let hidden = network.hidden();
        let batch = Batch::new(&[ids]);
        let x = network.embed(&compute, &model.catalog, &batch).unwrap();
        let mut whole = x.clone();
        let mut pieces = x;
        let blocks: Vec<_> = (0..network.blocks())
            .map(|block| network.load_block(&compute, &model.catalog, block).unwrap())
            .collect();
        for block in &blocks {
            network.run_block(&compute, block, &batch, &mut whole, None);
        }
        let mut caches = vec![BlockCache::new(); blocks.len()];
        let mut start = 0;
        while start < ids.len() {
            let length = [7, 1, 1, 3, 1]
                .into_iter()
                .cycle()
                .nth(caches[0].tokens() % 5);
            let end = ids.len().min(start + length.unwrap());
            let part = Batch::continued(&ids[start..end], start);
            let values = &mut pieces[start * hidden..end * hidden];
            for (block, cache) in blocks.iter().zip(&mut caches) {
                network.run_block(&compute, block, &part, values, Some(cache));
            }
            start = end;
        }
        for values in [&mut pieces, &mut whole] {
            network.finish(&compute, &model.catalog, values).unwrap();
        }
        let worst = distance(&pieces, &whole);
        assert!(worst <= TOLERANCE, "{}: {worst}", folder.display());
    }
}

/// The walk from shared input to shared input that calibration takes.
#[test]
fn stepping_through_the_inputs_of_a_block_is_running_it() {
    let compute = compute();
    for folder in goldens() {
        let (model, reference) = (Model::open(&folder), Reference::open(&folder));
        let network = &model.network;
        let batch = Batch::new(&reference.ids());
        let mut x = network.embed(&compute, &model.catalog, &batch).unwrap();
        for index in 0..network.blocks() {
            let mut stepped = x.clone();
            let block = network.load_block(&compute, &model.catalog, index).unwrap();
            network.run_block(&compute, &block, &batch, &mut x, None);
            let norms = network.load_norms(&compute, &model.catalog, index).unwrap();
            let mut input = network.first_input(&compute, &norms, &batch, &stepped);
            for at in 0..network.inputs() {
                let linears = network.linears(index);
                let mut of_input = linears.iter().filter(|linear| linear.input == at);
                let cols = of_input.next().unwrap().cols;
                assert_eq!(input.len(), batch.tokens() * cols);
                let part = network
                    .load_part(&compute, &model.catalog, index, at)
                    .unwrap();
                input = network.next_input(&compute, &part, &batch, at, &mut stepped, input);
            }
            assert_eq!(stepped, x, "{} block {index}", folder.display());
        }
    }
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
    let config = model.catalog.files.config.clone().unwrap();
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
    let config = model.catalog.files.config.clone().unwrap();
    let network = Network::open(&config, &memory).unwrap();
    let ids = some_ids(30, network.vocab());
    let logits = |weights: &dyn WeightSource| {
        Runner::new(&network, weights, &compute, 0)
            .logits(&ids)
            .unwrap()
    };
    assert_eq!(logits(&memory), logits(&model.catalog));
}

/// Logits of a golden model under another configuration.
fn logits_under(folder: &Path, config: &Value) -> Vec<f32> {
    let (model, reference) = (Model::open(folder), Reference::open(folder));
    let network = Network::open(config, &model.catalog).unwrap();
    computed(&Model { network, ..model }, &reference)
}

/// Configurations on the hub are older than transformers 5: windows by patterns, bases of frequencies at the top.
#[test]
fn configurations_of_older_form_mean_the_same() {
    let without = |config: &Value, fields: &[&str]| {
        let mut config = config.clone();
        for field in fields {
            config.as_object_mut().unwrap().remove(*field);
        }
        config
    };
    let open = |name: &str| Model::open(&golden(name)).catalog.files.config.unwrap();
    let mut gemma3 = without(&open("gemma3"), &["layer_types", "rope_parameters"]);
    gemma3["rope_local_base_freq"] = json!(10000.0);
    gemma3["rope_theta"] = json!(1000000.0);
    gemma3["rope_scaling"] = json!({"rope_type": "linear", "factor": 8.0});
    let gemma2 = without(&open("gemma2"), &["layer_types", "rope_parameters"]);
    let mut modernbert = without(&open("modernbert"), &["layer_types", "rope_parameters"]);
    modernbert["global_attn_every_n_layers"] = json!(3);
    modernbert["global_rope_theta"] = json!(160000.0);
    modernbert["local_rope_theta"] = json!(10000.0);
    let qwen2 = without(&open("qwen2"), &["layer_types", "rope_parameters"]);
    let smollm3 = without(&open("smollm3"), &["no_rope_layers"]);
    let mut gpt_neox = without(&open("gpt_neox-sequential"), &["rope_parameters"]);
    gpt_neox["rotary_pct"] = json!(0.5);
    gpt_neox["rotary_emb_base"] = json!(10000);
    let mut phi = without(&open("phi"), &["rope_parameters"]);
    phi["partial_rotary_factor"] = json!(0.5);
    for (name, config) in [
        ("gemma3", gemma3),
        ("gemma2", gemma2),
        ("modernbert", modernbert),
        ("qwen2", qwen2),
        ("smollm3", smollm3),
        ("gpt_neox-sequential", gpt_neox),
        ("phi", phi),
    ] {
        let folder = golden(name);
        let reference = Reference::open(&folder);
        let kind = Model::open(&folder).network.kind();
        let worst = distance(
            &logits_under(&folder, &config),
            &reference.values(output_name(kind)),
        );
        assert!(worst <= TOLERANCE, "{name}: {worst}");
    }
}

/// A fixture in which the feature makes no difference would test nothing.
#[test]
fn what_is_special_about_a_model_matters_in_its_golden_model() {
    for (name, field, value) in [
        ("mistral", "sliding_window", json!(null)),
        ("mistral", "sliding_window", json!(6)),
        ("qwen2", "use_sliding_window", json!(false)),
        (
            "qwen2",
            "layer_types",
            json!(["sliding_attention", "sliding_attention"]),
        ),
        ("smollm3", "no_rope_layers", json!([1, 1, 1, 1])),
        ("gemma2", "attn_logit_softcapping", json!(null)),
        ("gemma2", "final_logit_softcapping", json!(null)),
        ("gemma2", "query_pre_attn_scalar", json!(8)),
        ("gemma2", "sliding_window", json!(null)),
        ("gemma3", "rope_parameters", json!(null)),
        ("gemma3", "layer_types", json!(null)),
        ("gemma3", "sliding_window", json!(4)),
        ("gpt_neox-sequential", "use_parallel_residual", json!(true)),
        (
            "phi",
            "rope_parameters",
            json!({"partial_rotary_factor": 1.0}),
        ),
        ("modernbert", "local_attention", json!(4)),
        (
            "modernbert",
            "rope_parameters",
            json!({"full_attention": {"rope_theta": 100.0}}),
        ),
    ] {
        let folder = golden(name);
        let config = Model::open(&folder).catalog.files.config.unwrap();
        let mut other = config.clone();
        other[field] = value.clone();
        if name == "gemma3" && field == "layer_types" {
            other["sliding_window_pattern"] = json!(3);
        }
        let same = logits_under(&folder, &config);
        let changed = distance(&logits_under(&folder, &other), &same);
        assert!(
            changed > 100.0 * TOLERANCE,
            "{name} {field} = {value}: {changed}"
        );
    }
}
