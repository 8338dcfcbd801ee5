//! How quantized models are recognised.

use super::*;
use crate::folder::MemFolder;
use serde_json::json;

fn of(config: Value) -> Option<Quantization> {
    let folder = MemFolder::new("m");
    let files = [];
    let reader = Reader {
        folder: &folder,
        files: &files,
    };
    read(Some(&config), &reader).unwrap()
}

/// Name and evidence of the scheme.
fn foreign(config: Value) -> (String, String) {
    match of(config) {
        Some(Quantization::Foreign(found)) => (found.scheme, found.evidence),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_scheme_is_named() {
    for (settings, scheme) in [
        (
            json!({"quant_method": "gptq", "bits": 4, "desc_act": true}),
            "gptq, 4 bit",
        ),
        (
            json!({"bits": 4, "group_size": 128, "desc_act": true}),
            "gptq, 4 bit",
        ),
        (
            json!({"quant_method": "awq", "bits": 4, "version": "gemm"}),
            "awq, 4 bit",
        ),
        (
            json!({"zero_point": true, "q_group_size": 128, "w_bit": 4}),
            "awq, 4 bit",
        ),
        (
            json!({"quant_method": "fp8", "weight_block_size": [128, 128]}),
            "fp8",
        ),
        (
            json!({"quant_method": "mxfp4", "modules_to_not_convert": []}),
            "mxfp4",
        ),
        (json!({"quant_method": "hqq", "quant_config": {}}), "hqq"),
        (
            json!({"quant_method": "torchao", "quant_type": {}}),
            "torchao",
        ),
        (
            json!({"quant_method": "some-method-of-tomorrow"}),
            "some-method-of-tomorrow",
        ),
        (
            json!({"load_in_8bit": false, "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}),
            "bitsandbytes, 4 bit",
        ),
        (json!({"load_in_8bit": true}), "bitsandbytes, 8 bit"),
        (json!({"x": 1}), "a scheme without name"),
        (json!("int8"), "a scheme without name"),
        (
            json!({"quant_method": "compressed-tensors", "format": "float-quantized"}),
            "compressed-tensors (format float-quantized)",
        ),
    ] {
        let config = json!({"model_type": "llama", "quantization_config": settings});
        let (found, evidence) = foreign(config);
        assert_eq!(found, scheme);
        assert_eq!(evidence, "config.json, field quantization_config");
    }
}

#[test]
fn older_and_nested_fields_count() {
    let gptq = json!({"quant_method": "gptq"});
    for (config, field) in [
        (json!({"compression_config": gptq}), "compression_config"),
        (
            json!({"quantization": {"group_size": 64, "bits": 4}}),
            "quantization",
        ),
        (
            json!({"text_config": {"quantization_config": gptq}}),
            "text_config.quantization_config",
        ),
        (
            json!({"thinker_config": {"text_config": {"quantization_config": gptq}}}),
            "thinker_config.text_config.quantization_config",
        ),
    ] {
        assert_eq!(foreign(config).1, format!("config.json, field {field}"));
    }
    for config in [
        json!({}),
        json!({"quantization_config": null}),
        json!({"quantization_config": {}}),
        json!({"quantization": false}),
        json!([]),
    ] {
        assert_eq!(of(config), None);
    }
}

#[test]
fn files_of_other_programs_count() {
    for (file, text, scheme) in [
        (
            "quantize_config.json",
            json!({"bits": 4, "damp_percent": 0.01}),
            "gptq, 4 bit",
        ),
        (
            "quant_config.json",
            json!({"w_bit": 4, "q_group_size": 128}),
            "awq, 4 bit",
        ),
        (
            "hf_quant_config.json",
            json!({"quantization": {"quant_algo": "NVFP4"}}),
            "modelopt NVFP4",
        ),
        ("quanto_qmap.json", json!({"lm_head": {}}), "quanto"),
    ] {
        let folder = MemFolder::new("m");
        folder.insert(file, text.to_string().into_bytes());
        let files = [file.to_owned()];
        let reader = Reader {
            folder: &folder,
            files: &files,
        };
        let Some(Quantization::Foreign(found)) = read(None, &reader).unwrap() else {
            panic!("{file}");
        };
        assert_eq!(
            (found.scheme.as_str(), found.evidence.as_str()),
            (scheme, file)
        );
    }
}

#[test]
fn what_kerf_writes_is_read() {
    let group = json!({
        "targets": ["Linear"], "input_activations": null,
        "weights": {"num_bits": 4, "type": "int", "symmetric": true, "strategy": "group", "group_size": 128},
    });
    let settings = |changed: Value| {
        let mut whole = json!({
            "quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": group},
        });
        let changed = changed.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(changed);
        json!({"quantization_config": whole})
    };
    let scheme = PackedScheme {
        targets: vec!["Linear".into()],
        bits: 4,
        group_size: 128,
    };
    let plain = of(settings(
        json!({"sparsity_config": {}, "transform_config": {}}),
    ));
    assert_eq!(plain, Some(Quantization::Packed(vec![scheme])));
    for (changed, reason) in [
        (
            json!({"sparsity_config": {"format": "sparse-24-bitmask"}}),
            "sparsity format",
        ),
        (
            json!({"transform_config": {"config_groups": {"u": {}}}}),
            "transforms",
        ),
        (json!({"config_groups": null}), "without config_groups"),
        (
            json!({"config_groups": {"group_0": {"weights": {"symmetric": false}}}}),
            "scheme",
        ),
    ] {
        let (scheme, _) = foreign(settings(changed));
        assert!(scheme.starts_with("compressed-tensors (") && scheme.contains(reason));
    }
}
