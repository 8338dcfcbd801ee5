//! Sentence encoders as sentence-transformers saves them, on the golden models: pooling, normalisation, the maximum length, and the
//! names of what it is written in.

mod common;

use common::{f64_of, ok, repository, text};
use kerf_kernels::Compute;
use kerf_model::{Network, evaluate::Runner};
use kerf_tensors::Catalog;
use serde_json::{Value, json};
use std::path::Path;

/// Words w0, w1, ... between `<s>` and `</s>`.
fn tokenizer() -> Value {
    let special = |content: &str, id: u32| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true })
    };
    let mut vocab = json!({ "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3 });
    for word in 0..20 {
        vocab[format!("w{word}")] = json!(4 + word);
    }
    let wrapped = |id: &str| json!({ "SpecialToken": { "id": id, "type_id": 0 } });
    let of = |id: u32, token: &str| json!({ "id": token, "ids": [id], "tokens": [token] });
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null,
        "added_tokens": [special("<s>", 0), special("<pad>", 1), special("</s>", 2), special("<unk>", 3)],
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [wrapped("<s>"), { "Sequence": { "id": "A", "type_id": 0 } }, wrapped("</s>")],
            "pair": [wrapped("<s>"), { "Sequence": { "id": "A", "type_id": 0 } }, wrapped("</s>"),
                     { "Sequence": { "id": "B", "type_id": 0 } }],
            "special_tokens": { "<s>": of(0, "<s>"), "</s>": of(2, "</s>") }
        },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<unk>" }
    })
}

fn sentence_model(golden: &str, folder: &Path, length_file: Option<&str>) {
    let source = repository().join("test/golden/model").join(golden);
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    let write =
        |file: &str, value: Value| std::fs::write(folder.join(file), value.to_string()).unwrap();
    write("tokenizer.json", tokenizer());
    // As it is: the classes of these models would take its words for word pieces.
    write(
        "tokenizer_config.json",
        json!({ "tokenizer_class": "PreTrainedTokenizerFast" }),
    );
    let module = |kind: &str, path: &str| json!({ "type": format!("sentence_transformers.models.{kind}"), "path": path });
    write(
        "modules.json",
        json!([
            module("Transformer", ""),
            module("Pooling", "1_Pooling"),
            module("Normalize", "2_Normalize")
        ]),
    );
    std::fs::create_dir(folder.join("1_Pooling")).unwrap();
    write(
        "1_Pooling/config.json",
        json!({ "word_embedding_dimension": 16, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false }),
    );
    if let Some(file) = length_file {
        write(file, json!({ "max_seq_length": 7, "do_lower_case": false }));
    }
}

/// The first hidden state of these ids, at length 1.
fn expected(folder: &Path, ids: &[u32]) -> Vec<f32> {
    let catalog = Catalog::open_path(folder).unwrap();
    let network = Network::of_catalog(&catalog).unwrap();
    let compute = Compute::new(None, 1).unwrap();
    let states = Runner::new(&network, &catalog, &compute, 0)
        .hidden_states(ids)
        .unwrap();
    let length = states[..16]
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt();
    states[..16].iter().map(|value| value / length).collect()
}

fn check(folder: &Path, model: &Value, longest: u32) {
    let words: Vec<String> = (0..60).map(|word| format!("w{}", word % 20)).collect();
    let texts = [words[..3].join(" "), words.join(" ")];
    let result = ok("embed", json!({ "model": model, "texts": texts }));
    assert_eq!(result["truncated"], 1);
    let short = [0, 4, 5, 6, 2];
    let mut long: Vec<u32> = (0..longest - 2).map(|word| 4 + word % 20).collect();
    long.insert(0, 0);
    long.push(2);
    for (vector, ids) in result["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .zip([&short[..], &long])
    {
        let vector = vector.as_array().unwrap().iter();
        let differences = vector
            .zip(expected(folder, ids))
            .map(|(a, b)| a.as_f64().unwrap() - f64::from(b));
        let worst = differences.fold(0.0, |worst: f64, difference| worst.max(difference.abs()));
        assert!(worst < 1e-5, "{worst}");
    }
}

#[test]
fn texts_are_cut_where_the_model_says_or_at_its_last_position() {
    for (golden, length_file, longest) in [
        ("xlm-roberta", Some("sentence_xlm-roberta_config.json"), 7),
        ("xlm-roberta", Some("sentence_bert_config.json"), 7),
        // 26 rows of positions, of which the first two are not for tokens.
        ("xlm-roberta", None, 24),
        ("roberta", Some("sentence_roberta_config.json"), 7),
        ("distilbert", Some("sentence_distilbert_config.json"), 7),
        ("distilbert", None, 48),
    ] {
        let folder = tempfile::tempdir().unwrap();
        sentence_model(golden, folder.path(), length_file);
        check(folder.path(), &json!(text(folder.path())), longest);
    }
}

#[test]
fn a_compressed_sentence_encoder_takes_its_files_along() {
    for golden in [
        "xlm-roberta",
        "mpnet",
        "modernbert",
        "nomic_bert",
        "distilbert",
    ] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        sentence_model(golden, &folder, Some("sentence_xlm-roberta_config.json"));
        let out = root.path().join("small");
        let lines: Vec<String> = (0..40)
            .map(|at| format!("w{} w{} w{}", at % 20, at * 7 % 20, at * 3 % 20))
            .collect();
        let report = ok(
            "compress",
            json!({ "model": text(&folder), "out": text(&out), "calibration": { "texts": lines },
                    "options": { "sparsity": 0.5, "tokens": 200 } }),
        );
        assert!(f64_of(&report, "sparsity") > 0.49, "{golden}");
        check(&out, &json!(text(&out)), 7);
    }
}
