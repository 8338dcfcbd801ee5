//! A model of a type that kerf does not know, described by the example of the documentation: the shipped llama under other names.

mod common;

use common::{err, f64_of, ok, repository, sample, stories, text};
use serde_json::{Value, json};
use std::path::Path;

/// Names of the example against those of llama.
const NAMES: [(&str, &str); 12] = [
    ("model.embed_tokens", "net.tokens"),
    ("model.norm", "net.norm"),
    ("model.layers", "net.blocks"),
    ("self_attn.q_proj", "mix.query"),
    ("self_attn.k_proj", "mix.key"),
    ("self_attn.v_proj", "mix.value"),
    ("self_attn.o_proj", "mix.out"),
    ("gate_proj", "gate"),
    ("up_proj", "up"),
    ("down_proj", "down"),
    ("input_layernorm", "norm_mix"),
    ("post_attention_layernorm", "norm_mlp"),
];
const FIELDS: [(&str, &str); 7] = [
    ("hidden_size", "width"),
    ("num_hidden_layers", "depth"),
    ("num_attention_heads", "query_heads"),
    ("num_key_value_heads", "key_heads"),
    ("intermediate_size", "mlp_width"),
    ("rms_norm_eps", "norm_eps"),
    ("hidden_act", "activation"),
];

fn example() -> String {
    text(&repository().join("docs/examples/architecture-spiral.json"))
}

/// The shipped model with everything renamed.
fn spiral(folder: &Path) {
    let source = Path::new(&stories()).to_path_buf();
    let mut config: Value = read_json(&source.join("config.json"));
    let fields = config.as_object_mut().unwrap();
    for (llama, spiral) in FIELDS {
        let value = fields.remove(llama).unwrap();
        fields.insert(spiral.into(), value);
    }
    fields.insert("model_type".into(), json!("spiral"));
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::copy(source.join("tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    let bytes = std::fs::read(source.join("model.safetensors")).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (header, content) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header = String::from_utf8(header.to_vec()).unwrap();
    for (llama, spiral) in NAMES {
        header = header.replace(llama, spiral);
    }
    let length = (header.len() as u64).to_le_bytes();
    let bytes = [&length[..], header.as_bytes(), content].concat();
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_example_makes_a_model_known_to_every_function() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("spiral");
    std::fs::create_dir(&folder).unwrap();
    spiral(&folder);
    let model = text(&folder);
    let inspection = ok("inspect", json!({ "model": model }));
    assert_eq!(
        (&inspection["known"], &inspection["architecture"]),
        (&json!(false), &json!("spiral"))
    );
    let refused = err("evaluate", json!({ "model": model, "textFile": sample() }));
    assert_eq!(refused.code, "UNKNOWN_ARCHITECTURE");

    let inspection = ok(
        "inspect",
        json!({ "model": model, "architecture": example() }),
    );
    assert_eq!(
        (&inspection["known"], &inspection["blocks"]),
        (&json!(true), &json!(5))
    );
    let evaluation = json!({ "model": model, "architecture": example(), "textFile": sample() });
    let perplexity = f64_of(&ok("evaluate", evaluation), "perplexity");
    let original = ok(
        "evaluate",
        json!({ "model": stories(), "textFile": sample() }),
    );
    assert_eq!(
        perplexity,
        f64_of(&original, "perplexity"),
        "the same model by other names"
    );
    let generate = |model: &str, architecture: Value| {
        let request = json!({ "model": model, "architecture": architecture, "prompt": "Once", "maxTokens": 12 });
        ok("generate", request)["text"].clone()
    };
    assert_eq!(
        generate(&model, json!(example())),
        generate(&stories(), Value::Null)
    );
    let embed = |model: &str, architecture: Value| {
        ok(
            "embed",
            json!({ "model": model, "architecture": architecture, "texts": ["a cat"] }),
        )
    };
    assert_eq!(
        embed(&model, json!(example()))["vectors"],
        embed(&stories(), Value::Null)["vectors"]
    );

    // The result opens without being told again.
    let small = text(&root.path().join("small"));
    let compress = json!({
        "model": model, "architecture": example(), "out": small, "options": { "tokens": 600, "sparsity": 0.5 },
    });
    let plan = ok("plan", compress.clone());
    let report = ok("compress", compress);
    assert_eq!(report["layers"].as_array().unwrap().len(), 35);
    assert_eq!(
        (&plan["architecture"], &report["architecture"]),
        (&json!("spiral"), &json!("spiral"))
    );
    assert_eq!(
        read_json(Path::new(&small).join("kerf-architecture.json").as_path()),
        read_json(Path::new(&example()))
    );
    let evaluation = ok("evaluate", json!({ "model": small, "textFile": sample() }));
    assert!(f64_of(&evaluation, "perplexity") > perplexity);
    let comparison = json!({ "original": model, "small": small, "architecture": example(), "textFile": sample() });
    let comparison = ok("compare", comparison);
    assert_eq!(
        f64_of(&comparison["small"], "perplexity"),
        f64_of(&evaluation, "perplexity")
    );
    let dense = text(&root.path().join("dense"));
    ok(
        "convert",
        json!({ "model": small, "format": "safetensors", "out": dense }),
    );
    let inspection = ok("inspect", json!({ "model": dense }));
    assert_eq!(inspection["known"], true);
}

#[test]
fn a_description_that_does_not_fit_is_an_error_that_names_the_field() {
    let root = tempfile::tempdir().unwrap();
    spiral(root.path());
    let model = text(root.path());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut description = read_json(Path::new(&example()));
        change(&mut description);
        let file = root.path().join("description.json");
        std::fs::write(&file, description.to_string()).unwrap();
        err(
            "inspect",
            json!({ "model": model, "architecture": text(&file) }),
        )
    };
    let error = with(&|description| description["fields"]["hidden"] = json!(3));
    assert_eq!(
        (error.code, &error.details["field"]),
        ("BAD_ARCHITECTURE", &json!("fields.hidden"))
    );
    assert!(error.message.contains("description.json") && error.message.contains("a string"));
    let error = with(&|description| description["modelTypes"] = json!(["helix"]));
    assert_eq!(
        (error.code, &error.details["field"]),
        ("BAD_ARCHITECTURE", &json!("modelTypes"))
    );
    let error = with(&|description| description["fields"]["hidden"] = json!("hidden_size"));
    assert_eq!(
        (error.code, &error.details["field"]),
        ("BAD_CONFIG", &json!("hidden_size"))
    );
    let error = with(&|description| description["embeddings"]["token"] = json!("words"));
    assert_eq!(error.code, "TENSOR_MISSING");
    let missing = err(
        "inspect",
        json!({ "model": model, "architecture": "nowhere.json" }),
    );
    assert_eq!(missing.code, "NOT_FOUND");
}
