//! Models of unknown architecture: what is no linear layer comes out as it went in, and is listed.

mod common;

use common::edit::{Edited, Tensor, read};
use common::{err, ok, stories, text};
use serde_json::{Value, json};
use std::path::Path;

/// The small model under another name, with tensors beside its own that are no linear layers: name, shape, what the plan says they are.
const OTHERS: [(&str, &[usize], &str); 12] = [
    ("model.layers.0.mlp.gate.weight", &[8, 128], "routers"),
    ("model.layers.1.mlp.gate.weight", &[8, 128], "routers"),
    (
        "model.layers.0.mlp.down_proj.weight_scale_inv",
        &[32, 32],
        "scales",
    ),
    (
        "model.layers.0.mixer.A_log",
        &[128, 16],
        "matrices of a recurrent state",
    ),
    (
        "model.layers.0.mixer.conv1d.weight",
        &[128, 1, 4],
        "matrices of a recurrent state",
    ),
    (
        "model.layers.0.attn.relative_attention_bias.weight",
        &[32, 32],
        "relative position biases",
    ),
    (
        "model.layers.0.mlp.experts.gate_up_proj_bias",
        &[32, 64],
        "biases",
    ),
    (
        "model.layers.0.mlp.experts.gate_up_proj",
        &[4, 64, 32],
        "stacks of experts",
    ),
    ("model.wpe.weight", &[512, 64], "tables of positions"),
    (
        "model.token_type_embeddings.weight",
        &[64, 64],
        "tables of token types",
    ),
    ("classifier.weight", &[64, 64], "heads of a task"),
    (
        "memory.weight",
        &[64, 64],
        "matrices that nothing tells to be linear layers",
    ),
];

fn mystery(folder: &Path) -> Edited {
    let mut model = Edited::copy(Path::new(&stories()), folder.join("mystery"));
    model.config["model_type"] = json!("mystery");
    for (name, shape, _) in OTHERS {
        model.set(
            name,
            Tensor::f32(shape, |index| ((index * 37 + 5) % 101) as f32 / 50.0 - 1.0),
        );
    }
    model
}

#[test]
fn what_is_no_linear_layer_is_kept_bit_by_bit_and_listed() {
    let folder = tempfile::tempdir().expect("folder");
    let model = mystery(folder.path());
    let path = model.save();
    for options in [
        json!({ "method": "magnitude", "sparsity": 0.7 }),
        json!({ "method": "rtn", "bits": 4 }),
    ] {
        let mut options = options;
        options["format"] = json!("safetensors");
        let out = folder
            .path()
            .join(options["method"].as_str().expect("a method"));
        let request = json!({ "model": path, "out": text(&out), "options": options });
        let plan = ok("plan", request.clone());
        let report = ok("compress", request);
        assert_eq!(report["layers"].as_array().map(Vec::len), Some(35));
        let result = read(&out.join("model.safetensors"));
        for (name, _, what) in OTHERS {
            let (_, tensor) = result
                .iter()
                .find(|(own, _)| own == name)
                .expect("it is there");
            assert!(tensor.bytes == model.get(name).bytes, "{name} was changed");
            let tensors = plan["tensors"].as_array().expect("tensors");
            let planned = tensors
                .iter()
                .find(|tensor| tensor["name"] == name)
                .expect("planned");
            assert_eq!(
                (&planned["part"], &planned["why"]),
                (&json!("kept"), &json!(what)),
                "{name}"
            );
        }
        for notes in [&report["notes"], &plan["notes"]] {
            let notes = notes.to_string();
            assert!(
                notes.contains("routers model.layers.*.mlp.gate.weight (2, 8.2 kB)"),
                "{notes}"
            );
            assert!(
                notes.contains("32.8 kB are kept as they are: kerf compresses matrices"),
                "{notes}"
            );
        }
    }
    let seen = ok("inspect", json!({ "model": path }));
    assert!(
        seen["notes"]
            .to_string()
            .contains("tables of positions model.wpe.weight")
    );
}

#[test]
fn a_model_without_linear_layers_says_what_it_has() {
    let folder = tempfile::tempdir().expect("folder");
    let mut model = Edited::copy(Path::new(&stories()), folder.path().join("tables"));
    model.keep(&["model.embed_tokens.weight"]);
    model.config["model_type"] = json!("tables");
    model.set("memory.weight", Tensor::f32(&[64, 64], |_| 1.0));
    let request = json!({ "model": model.save(), "options": { "method": "rtn" } });
    let error = err("plan", request);
    assert_eq!(error.code, "NOTHING_TO_COMPRESS");
    let details: &Value = &error.details["kept"];
    assert!(
        details.to_string().contains("memory.weight") && error.message.contains("`architecture`")
    );
}
