//! What a run on such a folder notes and writes.

use super::*;

#[test]
fn what_is_not_done_is_noted() {
    let root = tempfile::tempdir().unwrap();
    let folder = changed("usual", root.path(), |folder| {
        set(folder, "1_Pooling/config.json", "heads", json!(3));
        set(
            folder,
            "config_sentence_transformers.json",
            "similarity_fn_name",
            json!("dot"),
        );
        set(
            folder,
            "sentence_bert_config.json",
            "query_length",
            json!(32),
        );
        set(
            folder,
            "sentence_bert_config.json",
            "max_seq_length",
            json!(512),
        );
    });
    let result = ok(
        "embed",
        json!({ "model": text(&folder), "texts": ["a cat"] }),
    );
    let notes = result["notes"].to_string();
    for what in [
        "heads",
        "similarity_fn_name",
        "query_length",
        "512 tokens",
        "20 positions",
    ] {
        assert!(notes.contains(what), "{what}: {notes}");
    }
}

#[test]
fn a_text_that_is_all_prompt_has_no_vector() {
    let root = tempfile::tempdir().unwrap();
    let model = text(&changed("decoder, no prompt mean", root.path(), |_| ()));
    let request =
        |word: &str| json!({ "model": model, "texts": ["cat", word], "prompt": "query : " });
    ok("embed", request("dog"));
    let error = err("embed", request(""));
    assert_eq!(error.code, "EMPTY");
    assert!(error.message.contains("text 1") && error.message.contains("prompt"));
}

#[test]
fn a_result_holds_the_folders_that_modules_json_names() {
    let root = tempfile::tempdir().unwrap();
    let folder = changed(DENSE, root.path(), |folder| {
        std::fs::create_dir(folder.join("head")).unwrap();
        std::fs::rename(folder.join("2_Dense"), folder.join("head/dense")).unwrap();
        set(folder, "modules.json", "2/path", json!("head/dense"));
    });
    let out = root.path().join("small");
    ok(
        "convert",
        json!({ "model": text(&folder), "out": text(&out), "format": "safetensors" }),
    );
    let embed = |model: &Path| {
        ok("embed", json!({ "model": text(model), "texts": ["a cat"] }))["vectors"].take()
    };
    assert_eq!(embed(&folder), embed(&out));
}

#[test]
fn a_transformer_in_a_folder_lies_at_the_top_of_a_result() {
    let root = tempfile::tempdir().unwrap();
    let folder = changed("transformer in a folder", root.path(), |_| ());
    let out = root.path().join("small");
    ok(
        "convert",
        json!({ "model": text(&folder), "out": text(&out), "format": "safetensors" }),
    );
    for file in [
        "config.json",
        "tokenizer.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
    let modules: Value =
        serde_json::from_slice(&std::fs::read(out.join("modules.json")).unwrap()).unwrap();
    assert_eq!(modules[0]["path"], "");
}
