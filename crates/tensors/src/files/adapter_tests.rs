//! What adapter_config.json says, and what is refused.

use super::*;
use serde_json::json;

fn read(mut value: Value) -> Result<(Adapter, Vec<Fact>), TensorsError> {
    value["peft_type"] = "LORA".into();
    let mut facts = Vec::new();
    Ok((Adapter::read(&value, &mut facts)?, facts))
}

fn adapter(value: Value) -> Adapter {
    read(value).unwrap().0
}

const MODULE: &str = "model.layers.1.self_attn.q_proj";

#[test]
fn scales_are_those_of_peft() {
    assert_eq!(adapter(json!({})).scale(MODULE), 1.0);
    let plain = json!({"r": 4, "lora_alpha": 16});
    assert_eq!(adapter(plain).scale(MODULE), 4.0);
    let stabilized = json!({"r": 4, "lora_alpha": 16, "use_rslora": true});
    assert_eq!(adapter(stabilized).scale(MODULE), 8.0);
    let patterns = json!({
        "r": 4, "lora_alpha": 16,
        "rank_pattern": {"^layers.1.*": 1, "q_proj": 2, ".*q_proj": 3},
        "alpha_pattern": {r"layers\.\d+\.self_attn\.q_proj": 6.0},
    });
    let adapter = adapter(patterns);
    assert_eq!((adapter.rank(MODULE), adapter.scale(MODULE)), (2, 3.0));
    assert_eq!(adapter.rank("model.layers.1.self_attn.xq_proj"), 3);
    assert_eq!(adapter.rank("layers.1.mlp.up_proj"), 1);
    assert_eq!(adapter.scale("layers.1.mlp.up_proj"), 16.0);
    assert_eq!(adapter.rank("model.layers.1.mlp.up_proj"), 4);
}

#[test]
fn targets_are_those_of_peft() {
    let target = |value: Value, module: &str| adapter(value).is_target(module);
    assert!(target(json!({}), MODULE));
    assert!(target(json!({"target_modules": ["q_proj"]}), MODULE));
    assert!(target(json!({"target_modules": ["q_proj"]}), "q_proj"));
    assert!(!target(json!({"target_modules": ["proj"]}), MODULE));
    assert!(!target(json!({"target_modules": "q_proj"}), MODULE));
    let ahead = json!({"target_modules": r"^(?!.*mlp).*\.(q|v)_proj"});
    assert!(target(ahead.clone(), MODULE) && !target(ahead, "mlp.q_proj"));
    let excluded = json!({"target_modules": ["q_proj"], "exclude_modules": [MODULE]});
    assert!(!target(excluded, MODULE));
    let saved = json!({"target_modules": ["q_proj"], "modules_to_save": ["self_attn"]});
    assert!(!target(saved, MODULE));
    for (layers, pattern, expected) in [
        (json!([1, 2]), json!(null), true),
        (json!(1), json!("layers"), true),
        (json!([0]), json!(["layers"]), false),
        (json!([1]), json!("h"), false),
    ] {
        let value = json!({
            "target_modules": ["q_proj"], "layers_to_transform": layers, "layers_pattern": pattern,
        });
        assert_eq!(target(value.clone(), MODULE), expected, "{value}");
    }
    // Behind a single piece, PEFT does not see a number as that of a layer.
    let bare = json!({"target_modules": ["c"], "layers_to_transform": [1]});
    assert!(!target(bare, "h.1.c"));
}

#[test]
fn what_cannot_be_merged_is_refused_by_name() {
    for (field, value) in [
        ("use_dora", json!(true)),
        ("use_qalora", json!(true)),
        ("lora_bias", json!(true)),
        ("target_parameters", json!(["experts.gate_up_proj"])),
        ("trainable_token_indices", json!([1, 2])),
        ("layer_replication", json!([[0, 2]])),
        ("alora_invocation_tokens", json!([1])),
        ("init_lora_weights", json!("pissa_niter_4")),
        ("init_lora_weights", json!("OLoRA")),
    ] {
        let error = read(json!({ field: value })).unwrap_err();
        assert_eq!(error.code(), "BAD_ADAPTER");
        let text = error.to_string();
        assert!(
            text.contains(field) && text.contains("merge_and_unload"),
            "{text}"
        );
    }
    for off in [json!(null), json!(false), json!([]), json!({})] {
        assert!(read(json!({"trainable_token_indices": off})).is_ok());
    }
    for other in [json!({"peft_type": "IA3"}), json!({"r": 8})] {
        let error = Adapter::read(&other, &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), "BAD_ADAPTER");
    }
    for bad in [
        json!({"r": 0}),
        json!({"bias": "some"}),
        json!({"target_modules": "("}),
        json!({"rank_pattern": {"x": "y"}}),
        json!({"target_modules": "x", "layers_to_transform": [1]}),
    ] {
        assert_eq!(read(bad).unwrap_err().code(), "BAD_CONFIG");
    }
}

#[test]
fn a_field_that_kerf_does_not_know_is_noted_unless_it_is_off() {
    let (_, facts) = read(json!({"use_new": true, "use_other": false, "revision": "x"})).unwrap();
    let fields: Vec<_> = facts.iter().map(|fact| fact.field.as_str()).collect();
    assert_eq!(fields, ["use_new"]);
}
