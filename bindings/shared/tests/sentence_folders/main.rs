//! What a sentence-transformers folder says that kerf does not do: refused by `embed` with file and field, noted elsewhere.

#[path = "../common/mod.rs"]
mod common;
mod results;

use common::pipeline::{case, cases, folder_of, write};
use common::{err, ok, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The folder of a case, changed.
fn changed(name: &str, root: &Path, change: impl Fn(&Path)) -> PathBuf {
    let folder = folder_of(case(&cases(), name), root);
    change(&folder);
    folder
}

/// Changes one field of a JSON file, which may not be there yet. A field may be a path such as `1/type`.
fn set(folder: &Path, file: &str, field: &str, value: Value) {
    let path = folder.join(file);
    let json = std::fs::read(&path).unwrap_or(b"{}".to_vec());
    let mut json: Value = serde_json::from_slice(&json).unwrap();
    match field.split_once('/') {
        Some((at, field)) => json[at.parse::<usize>().unwrap()][field] = value,
        None => json[field] = value,
    }
    write(&path, json.to_string().as_bytes());
}

fn lines() -> Vec<String> {
    let words = ["the cat", "a dog ran", "one two three", "far and seven"];
    (0..40)
        .map(|at| format!("{} {}", words[at % 4], words[at * 7 % 3]))
        .collect()
}

const DENSE: &str = "Dense and length one";

#[test]
fn what_embed_cannot_compute_it_refuses_and_nothing_else_does() {
    let json = |file: &'static str, field: &'static str, value: Value| {
        move |folder: &Path| set(folder, file, field, value.clone())
    };
    let weights = "2_Dense/model.safetensors";
    type Change = Box<dyn Fn(&Path)>;
    let bert = "sentence_bert_config.json";
    let model = "config_sentence_transformers.json";
    let pooling = "1_Pooling/config.json";
    let dense = "2_Dense/config.json";
    let class = "activation_function";
    let rows: Vec<(&str, &str, &str, Change)> = vec![
        (
            "BAD_CONFIG",
            "modules.json",
            "1.type",
            Box::new(json(
                "modules.json",
                "1/type",
                json!("sentence_transformers.models.CNN"),
            )),
        ),
        (
            "BAD_CONFIG",
            "modules.json",
            "0.type",
            Box::new(json(
                "modules.json",
                "0/type",
                json!("custom_st.Transformer"),
            )),
        ),
        (
            "BAD_CONFIG",
            "modules.json",
            "1.type",
            Box::new(json(
                "modules.json",
                "1/type",
                json!("sentence_transformers.models.Dropout"),
            )),
        ),
        (
            "BAD_CONFIG",
            "modules.json",
            "2.type",
            Box::new(json(
                "modules.json",
                "2/type",
                json!("sentence_transformers.models.Pooling"),
            )),
        ),
        (
            "BAD_CONFIG",
            "modules.json",
            "1.path",
            Box::new(json("modules.json", "1/path", json!("../outside"))),
        ),
        (
            "BAD_CONFIG",
            "modules.json",
            "the file",
            Box::new(|folder| write(&folder.join("modules.json"), b"{}")),
        ),
        (
            "BAD_CONFIG",
            pooling,
            "pooling_mode",
            Box::new(json(pooling, "pooling_mode", json!("attention"))),
        ),
        (
            "BAD_CONFIG",
            pooling,
            "pooling_mode",
            Box::new(json(pooling, "pooling_mode", json!([]))),
        ),
        (
            "NOT_FOUND",
            pooling,
            "",
            Box::new(move |folder| std::fs::remove_file(folder.join(pooling)).unwrap()),
        ),
        (
            "BAD_CONFIG",
            dense,
            "in_features",
            Box::new(json(dense, "in_features", json!(31))),
        ),
        (
            "WRONG_SHAPE",
            "linear.bias of 2_Dense",
            "",
            Box::new(json(dense, "out_features", json!(20))),
        ),
        (
            "TENSOR_MISSING",
            "residual.weight of 2_Dense",
            "",
            Box::new(json(dense, "use_residual", json!(true))),
        ),
        (
            "BAD_CONFIG",
            dense,
            class,
            Box::new(json(
                dense,
                class,
                json!("transformers.activations.NewGELUActivation"),
            )),
        ),
        (
            "BAD_CONFIG",
            dense,
            class,
            Box::new(json(
                dense,
                class,
                json!("torch.nn.modules.activation.PReLU"),
            )),
        ),
        (
            "BAD_CONFIG",
            dense,
            class,
            Box::new(json(dense, class, json!("torch.nn.functional.gelu"))),
        ),
        (
            "BAD_CONFIG",
            dense,
            class,
            Box::new(json(dense, class, Value::Null)),
        ),
        (
            "BAD_CONFIG",
            dense,
            "module_output_name",
            Box::new(json(dense, "module_output_name", json!("x"))),
        ),
        (
            "BAD_CONFIG",
            "2_Dense/pytorch_model.bin",
            "the file",
            Box::new(move |folder| {
                std::fs::rename(
                    folder.join(weights),
                    folder.join("2_Dense/pytorch_model.bin"),
                )
                .unwrap();
            }),
        ),
        (
            "NOT_FOUND",
            weights,
            "",
            Box::new(move |folder| std::fs::remove_file(folder.join(weights)).unwrap()),
        ),
        (
            "NON_FINITE",
            "linear.weight of 2_Dense",
            "",
            Box::new(move |folder| {
                let mut bytes = std::fs::read(folder.join(weights)).unwrap();
                let end = bytes.len() - 4;
                bytes[end..].copy_from_slice(&f32::NAN.to_le_bytes());
                write(&folder.join(weights), &bytes);
            }),
        ),
        (
            "BAD_CONFIG",
            bert,
            "transformer_task",
            Box::new(json(bert, "transformer_task", json!("fill-mask"))),
        ),
        (
            "BAD_CONFIG",
            bert,
            "modality_config",
            Box::new(json(
                bert,
                "modality_config",
                json!({ "message": {}, "text": { "method": "forward", "method_output_name": "last_hidden_state" } }),
            )),
        ),
        (
            "BAD_CONFIG",
            bert,
            "model_args.is_causal",
            Box::new(json(bert, "model_args", json!({ "is_causal": false }))),
        ),
        (
            "BAD_CONFIG",
            bert,
            "processing_kwargs.text.truncation",
            Box::new(json(
                bert,
                "processing_kwargs",
                json!({ "text": { "truncation": false } }),
            )),
        ),
        (
            "BAD_CONFIG",
            bert,
            "processing_kwargs.common.add_special_tokens",
            Box::new(json(
                bert,
                "processing_kwargs",
                json!({ "common": { "add_special_tokens": false } }),
            )),
        ),
        (
            "BAD_CONFIG",
            model,
            "model_type",
            Box::new(json(model, "model_type", json!("SparseEncoder"))),
        ),
        (
            "BAD_CONFIG",
            model,
            "default_prompt_name",
            Box::new(json(model, "default_prompt_name", json!("search"))),
        ),
        (
            "BAD_CONFIG",
            model,
            "prompts",
            Box::new(json(model, "prompts", json!({ "a": 1 }))),
        ),
        (
            "BAD_CONFIG",
            model,
            "truncate_dim",
            Box::new(json(model, "truncate_dim", json!(0))),
        ),
    ];
    for (code, file, field, change) in rows {
        let root = tempfile::tempdir().unwrap();
        let folder = changed(DENSE, root.path(), change);
        let model = text(&folder);
        let error = err("embed", json!({ "model": model, "texts": ["a cat"] }));
        let what = format!("{file} {field}: {}", error.message);
        assert_eq!(error.code, code, "{what}");
        assert!(
            error.message.contains(file) && error.message.contains(field),
            "{what}"
        );
        let out = text(&root.path().join("small"));
        let calibration = json!({ "texts": lines() });
        let options = json!({ "sparsity": 0.5, "tokens": 100 });
        ok(
            "compress",
            json!({ "model": model, "out": out, "calibration": calibration, "options": options }),
        );
        ok("inspect", json!({ "model": model }));
    }
}

#[test]
fn what_goes_before_the_network_must_be_right_for_all() {
    for (field, value) in [
        ("max_seq_length", json!("long")),
        ("max_seq_length", json!(0)),
        ("do_lower_case", json!("yes")),
        ("tokenizer_args", json!({ "truncation_side": "both" })),
    ] {
        let root = tempfile::tempdir().unwrap();
        let change = |folder: &Path| set(folder, "sentence_bert_config.json", field, value.clone());
        let model = text(&changed("usual", root.path(), change));
        for (command, request) in [
            ("inspect", json!({ "model": model })),
            ("embed", json!({ "model": model, "texts": ["a"] })),
        ] {
            let error = err(command, request);
            assert_eq!(error.code, "BAD_CONFIG", "{field}: {}", error.message);
            assert!(error.message.contains("sentence_bert_config.json"));
        }
    }
}

#[test]
fn an_option_that_the_model_cannot_follow_is_named() {
    let root = tempfile::tempdir().unwrap();
    let model = text(&changed("default prompt", root.path(), |_| ()));
    let request = |name: &str, value: Value| {
        let mut request = json!({ "model": model, "texts": ["a cat"] });
        request[name] = value;
        request
    };
    for (name, value, says) in [
        (
            "promptName",
            json!("search"),
            "document, none, passage, query",
        ),
        ("dimensions", json!(0), "1 to 32"),
        ("dimensions", json!(33), "1 to 32"),
    ] {
        let error = err("embed", request(name, value));
        assert_eq!(error.code, "BAD_OPTION", "{}", error.message);
        assert!(
            error.message.contains(name) && error.message.contains(says),
            "{}",
            error.message
        );
    }
    let mut both = request("prompt", json!("query: "));
    both["promptName"] = json!("nobody");
    let both = ok("embed", both);
    let usual = ok("embed", json!({ "model": model, "texts": ["a cat"] }));
    assert_eq!(both["vectors"], usual["vectors"]);
    assert!(
        both["notes"]
            .to_string()
            .contains("`promptName` was passed over")
    );
}
