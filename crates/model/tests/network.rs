//! Opening: names, shapes, hostile configurations.

mod common;

use common::*;
use kerf_model::{Kind, ModelError, Network};
use serde_json::{Value, json};

fn open_error(config: &Value, weights: &Memory) -> ModelError {
    match Network::open(config, weights) {
        Ok(_) => panic!("opened {config}"),
        Err(error) => error,
    }
}

#[test]
fn a_llama_tells_its_matrices_inputs_and_embeddings() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    assert_eq!(
        (network.architecture(), network.kind()),
        ("llama", Kind::Decoder)
    );
    assert_eq!(
        (network.hidden(), network.blocks(), network.vocab()),
        (16, 2, 50)
    );
    assert_eq!(
        (network.max_context(), network.bos(), network.eos()),
        (400, Some(1), vec![2, 3])
    );
    let linears = network.linears(1);
    let told: Vec<_> = linears
        .iter()
        .map(|row| (row.role, row.rows, row.cols, row.input))
        .collect();
    assert_eq!(
        told,
        [
            ("q", 24, 16, 0),
            ("k", 12, 16, 0),
            ("v", 12, 16, 0),
            ("o", 16, 24, 1),
            ("gate", 20, 16, 2),
            ("up", 20, 16, 2),
            ("down", 16, 20, 3)
        ]
    );
    assert_eq!(linears[3].weight, "model.layers.1.self_attn.o_proj.weight");
    assert_eq!(
        network.embeddings(),
        ["model.embed_tokens.weight", "lm_head.weight"]
    );
    assert_eq!(network.inputs(), 4);
}

#[test]
fn a_bert_with_a_head_is_found_under_its_prefix() {
    let Some(folder) = shared("models/shape-fixtures/bert") else {
        return;
    };
    let network = Model::open(&folder).network;
    assert_eq!(network.kind(), Kind::Encoder);
    let linears = network.linears(0);
    assert_eq!(
        linears[0].weight,
        "bert.encoder.layer.0.attention.self.query.weight"
    );
    let roles: Vec<_> = linears.iter().map(|row| row.role).collect();
    assert_eq!(roles, ["q", "k", "v", "o", "up", "down"]);
    assert_eq!(network.embeddings().len(), 3);
    assert_eq!(network.head(), None);
}

#[test]
fn norms_named_gamma_and_beta_are_found() {
    let folder = golden("bert-relu");
    let model = Model::open(&folder);
    let compute = compute();
    let mut memory = Memory::default();
    for entry in &model.catalog.tensors {
        let name = entry.name.replace("LayerNorm.weight", "LayerNorm.gamma");
        let name = name.replace("LayerNorm.bias", "LayerNorm.beta");
        let values = model.catalog.read_f32(&compute, entry).unwrap();
        memory.tensors.insert(name, (entry.shape.clone(), values));
    }
    let network = Network::open(&model.catalog.files.config.clone().unwrap(), &memory).unwrap();
    network.load_block(&compute, &memory, 1).unwrap();
}

#[test]
fn a_bare_llama_without_head_opens_and_one_with_prefix_does_not() {
    let (config, mut weights) = small_llama();
    weights.tensors.remove("lm_head.weight");
    let error = open_error(&config, &weights);
    assert_eq!(error.code(), "TENSOR_MISSING");
    assert!(error.to_string().contains("lm_head.weight"));
    let bare = weights
        .tensors
        .into_iter()
        .map(|(name, tensor)| (name.replace("model.", ""), tensor));
    let bare = Memory {
        tensors: bare.collect(),
    };
    assert_eq!(Network::open(&config, &bare).unwrap().head(), None);
}

#[test]
fn every_missing_or_misshapen_tensor_is_named() {
    let (config, weights) = small_llama();
    for name in weights.tensors.keys() {
        let mut broken = weights.clone();
        broken.tensors.get_mut(name).unwrap().0[0] += 1;
        let error = open_error(&config, &broken);
        assert!(
            error.code() == "WRONG_SHAPE" && error.to_string().contains(name),
            "{error}"
        );
        broken.tensors.remove(name);
        // Without the token embedding no prefix fits, so the first name that was tried is told.
        let error = open_error(&config, &broken);
        assert!(
            error.code() == "TENSOR_MISSING" && error.to_string().contains(name),
            "{error}"
        );
    }
}

#[test]
fn a_bias_that_the_configuration_promises_must_be_there() {
    let (mut config, weights) = small_llama();
    config["mlp_bias"] = json!(true);
    let error = open_error(&config, &weights);
    assert!(error.to_string().contains("mlp.gate_proj.bias"), "{error}");
}

#[test]
fn bad_fields_are_named() {
    let (config, weights) = small_llama();
    let huge = json!(u64::MAX);
    for (field, value) in [
        ("model_type", json!(null)),
        ("model_type", json!(3)),
        ("hidden_size", huge.clone()),
        ("hidden_size", json!(0)),
        ("hidden_size", json!(-4)),
        ("hidden_size", json!("16")),
        ("num_hidden_layers", huge.clone()),
        ("num_hidden_layers", json!([2])),
        ("num_attention_heads", huge.clone()),
        ("num_attention_heads", json!(null)),
        ("num_key_value_heads", json!(3)),
        ("num_key_value_heads", json!(0)),
        ("head_dim", json!(5)),
        ("head_dim", huge.clone()),
        ("intermediate_size", huge.clone()),
        ("vocab_size", json!(1e300)),
        ("max_position_embeddings", huge),
        ("max_position_embeddings", json!(0.5)),
        ("rms_norm_eps", json!(-1.0)),
        ("rms_norm_eps", json!("small")),
        ("hidden_act", json!("quick_gelu")),
        ("tie_word_embeddings", json!("yes")),
        ("rope_theta", json!(0.0)),
        ("rope_scaling", json!("linear")),
        (
            "rope_parameters",
            json!({"full_attention": {"rope_theta": 1e4}}),
        ),
    ] {
        let mut bad = config.clone();
        bad[field] = value.clone();
        let error = open_error(&bad, &weights);
        assert_eq!(error.code(), "BAD_CONFIG", "{field} = {value}: {error}");
        let named = error.data().details["field"].as_str().unwrap().to_string();
        assert_eq!(named, field, "{value}: {error}");
    }
}

#[test]
fn bad_rope_scalings_are_errors_and_an_unknown_type_is_named() {
    let (config, weights) = small_llama();
    for scaling in [
        json!({"type": "su", "factor": 2.0}),
        json!({"type": "linear"}),
        json!({"rope_type": "linear", "factor": 0.0}),
        json!({"rope_type": "linear", "factor": "two"}),
        json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0}),
        json!({"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": -1}),
        json!({"rope_type": 7}),
    ] {
        let mut bad = config.clone();
        bad["rope_scaling"] = scaling.clone();
        let error = open_error(&bad, &weights);
        assert_eq!(error.code(), "BAD_CONFIG", "{scaling}: {error}");
    }
    let mut bad = config.clone();
    bad["rope_scaling"] = json!({"rope_type": "longrope"});
    assert!(open_error(&bad, &weights).to_string().contains("longrope"));
}

#[test]
fn yarn_with_extreme_numbers_stays_finite() {
    let (mut config, weights) = small_llama();
    config["rope_scaling"] = json!({
        "rope_type": "yarn", "factor": 1e6, "beta_fast": 1e6, "beta_slow": 1e-6, "original_max_position_embeddings": 1,
    });
    config["rope_theta"] = json!(1.0);
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let mut runner = kerf_model::evaluate::Runner::new(&network, &weights, &compute, 0);
    assert!(
        runner
            .logits(&[1, 2, 3])
            .unwrap()
            .iter()
            .all(|value| value.is_finite())
    );
}

#[test]
fn what_bert_does_not_compute_is_refused() {
    let model = Model::open(&golden("bert-relu"));
    for (field, value) in [
        ("position_embedding_type", json!("relative_key")),
        ("is_decoder", json!(true)),
    ] {
        let mut config = model.catalog.files.config.clone().unwrap();
        config[field] = value;
        let error = Network::open(&config, &model.catalog).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
}

#[test]
fn what_an_architecture_does_not_compute_is_refused() {
    for (name, field, value) in [
        ("opt", "do_layer_norm_before", json!(false)),
        ("opt", "word_embed_proj_dim", json!(8)),
        ("gpt2", "scale_attn_by_inverse_layer_idx", json!(true)),
        ("gpt2", "add_cross_attention", json!(true)),
        ("phi", "qk_layernorm", json!(true)),
        ("smollm3", "use_sliding_window", json!(true)),
        ("smollm3", "no_rope_layers", json!([1])),
        ("gemma3", "use_bidirectional_attention", json!(true)),
        (
            "gemma3",
            "layer_types",
            json!(["full_attention", "chunked_attention", "full_attention"]),
        ),
        ("gemma3", "layer_types", json!(["full_attention"])),
        ("gemma2", "attn_logit_softcapping", json!(0)),
        ("mistral", "sliding_window", json!(0)),
        (
            "gpt_neox",
            "rope_parameters",
            json!({"partial_rotary_factor": 0.4}),
        ),
        ("roberta", "pad_token_id", json!(0)),
        ("roberta", "max_position_embeddings", json!(2)),
        ("mpnet", "relative_attention_num_buckets", json!(64)),
        ("nomic_bert-hub", "prenorm", json!(true)),
    ] {
        let model = Model::open(&golden(name));
        let mut config = model.catalog.files.config.clone().unwrap();
        config[field] = value.clone();
        let error = Network::open(&config, &model.catalog).unwrap_err();
        assert_eq!(
            error.code(),
            "BAD_CONFIG",
            "{name} {field} = {value}: {error}"
        );
        if field != "rope_parameters" {
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}

/// A bare body, that of a model with a head, and what sentence-transformers wrote when it saved all its modules as one.
#[test]
fn an_encoder_is_found_under_every_prefix() {
    let (folder, compute) = (golden("xlm-roberta"), compute());
    let (model, ids) = (Model::open(&folder), Reference::open(&folder).ids());
    let config = model.catalog.files.config.clone().unwrap();
    let states = |weights: &Memory| {
        let network = Network::open(&config, weights).unwrap();
        kerf_model::evaluate::Runner::new(&network, weights, &compute, 0)
            .hidden_states(&ids[0])
            .unwrap()
    };
    let expected = Reference::open(&folder).values("last_hidden_state");
    for prefix in ["", "roberta.", "0.auto_model.", "0.auto_model.roberta."] {
        let mut weights = Memory::default();
        for entry in &model.catalog.tensors {
            let values = model.catalog.read_f32(&compute, entry).unwrap();
            let name = format!("{prefix}{}", entry.name);
            weights.tensors.insert(name, (entry.shape.clone(), values));
        }
        let worst = distance(&states(&weights), &expected);
        assert!(worst <= 1e-4, "{prefix:?}: {worst}");
    }
}

/// Rows of the position table before the first token are not for tokens.
#[test]
fn the_longest_sequence_is_that_of_transformers() {
    for (name, positions) in [
        ("roberta", 62),
        ("xlm-roberta", 24),
        ("mpnet", 158),
        ("opt", 64),
        ("gpt2", 24),
        ("distilbert", 48),
        ("gemma3", 160),
    ] {
        let model = Model::open(&golden(name));
        assert_eq!(model.network.max_context(), positions, "{name}");
        let compute = compute();
        let mut runner =
            kerf_model::evaluate::Runner::new(&model.network, &model.catalog, &compute, 0);
        assert!(runner.hidden_states(&vec![3; positions]).is_ok(), "{name}");
        let error = runner.hidden_states(&vec![3; positions + 1]).unwrap_err();
        assert_eq!(error.code(), "TOO_LONG", "{name}");
    }
}

#[test]
fn ids_and_lengths_are_checked() {
    let (config, weights) = small_llama();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let mut runner = kerf_model::evaluate::Runner::new(&network, &weights, &compute, 0);
    assert_eq!(runner.logits(&[1, 50]).unwrap_err().code(), "BAD_TOKEN");
    assert_eq!(runner.logits(&[1; 401]).unwrap_err().code(), "TOO_LONG");
    assert_eq!(runner.logits(&[]).unwrap(), Vec::<f32>::new());
}
