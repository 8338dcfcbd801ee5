//! Tensors that the network does not read: left out where readers have them anyway, kept where they may need them.

mod common;

use common::edit::{Edited, Tensor, read};
use common::{f64_of, ok, repository, stories, text};
use serde_json::{Value, json};
use std::path::Path;

const HEAD: &str = "lm_head.weight";
const TABLE: &str = "model.embed_tokens.weight";

fn stories_in(folder: &Path, name: &str) -> Edited {
    Edited::copy(Path::new(&stories()), folder.join(name))
}

fn compress(model: &str, out: &Path, format: &str) -> Value {
    let options = json!({ "method": "rtn", "format": format });
    let request = json!({ "model": model, "out": text(out), "options": options });
    let plan = ok("plan", request.clone());
    let mut report = ok("compress", request);
    report["plan"] = plan;
    report
}

fn planned<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let tensors = plan["tensors"].as_array().expect("tensors");
    tensors
        .iter()
        .find(|tensor| tensor["name"] == name)
        .expect("it is planned")
}

#[test]
fn a_copy_of_the_head_and_old_tables_cost_nothing_in_any_format() {
    let folder = tempfile::tempdir().expect("folder");
    let plain = stories_in(folder.path(), "plain").save();
    let mut model = stories_in(folder.path(), "dead");
    let dead = [
        HEAD,
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.rotary_emb.inv_freq",
    ];
    model.set(HEAD, model.get(TABLE).clone());
    for name in &dead[1..] {
        model.set(name, Tensor::f32(&[4], |index| 1.0 / (index + 1) as f32));
    }
    let path = model.save();
    let seen = ok("inspect", json!({ "model": path }));
    for tensor in seen["tensors"].as_array().expect("tensors") {
        let is_dead = dead.iter().any(|name| tensor["name"] == *name);
        assert_eq!(tensor["part"] == "dead", is_dead, "{tensor}");
    }
    for format in ["kerf", "safetensors", "compressed-tensors", "gguf-q8_0"] {
        let [without, with] =
            ["without", "with"].map(|name| folder.path().join(format!("{format}-{name}")));
        let expected = compress(&plain, &without, format);
        let report = compress(&path, &with, format);
        assert_eq!(report["outputBytes"], expected["outputBytes"], "{format}");
        assert_eq!(
            report["plan"]["outputBytes"], expected["plan"]["outputBytes"],
            "{format}"
        );
        for name in dead {
            let tensor = planned(&report["plan"], name);
            assert_eq!(
                (&tensor["part"], &tensor["outputBytes"]),
                (&json!("dead"), &json!(0))
            );
        }
        let notes = report["notes"].to_string();
        assert!(
            notes.contains("are left out of the result") && notes.contains(HEAD),
            "{notes}"
        );
        for file in std::fs::read_dir(&without).expect("a result").flatten() {
            let theirs = std::fs::read(with.join(file.file_name())).expect("the same file");
            assert!(
                std::fs::read(file.path()).expect("a file") == theirs,
                "{format}: {:?}",
                file.file_name()
            );
        }
    }
    // A conversion leaves them out as well.
    let out = folder.path().join("converted");
    let request = json!({ "model": path, "out": text(&out), "format": "safetensors" });
    let notes = ok("convert", request)["notes"].to_string();
    assert!(notes.contains("are left out of the result"), "{notes}");
    let names: Vec<String> = read(&out.join("model.safetensors"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.contains(&TABLE.to_owned())
            && !dead.iter().any(|name| names.contains(&(*name).to_owned()))
    );
}

#[test]
fn a_head_that_is_another_is_no_copy() {
    let folder = tempfile::tempdir().expect("folder");
    let mut model = stories_in(folder.path(), "other");
    model.set(HEAD, model.get(TABLE).clone());
    model.change(HEAD, |values| *values.last_mut().expect("a value") += 0.5);
    let out = folder.path().join("out");
    let report = compress(&model.save(), &out, "safetensors");
    assert_ne!(planned(&report["plan"], HEAD)["part"], "dead");
    let names: Vec<String> = read(&out.join("model.safetensors"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(names.contains(&HEAD.to_owned()));
}

/// Masks of old gpt2 files: [1, 1, n, n] of bytes, and a number.
#[test]
fn masks_of_gpt2_are_left_out() {
    let folder = tempfile::tempdir().expect("folder");
    let golden = repository().join("test/golden/model/gpt2");
    let mut model = Edited::copy(&golden, folder.path().join("gpt2"));
    let names = model.names();
    let prefix = if names[0].starts_with("transformer.") {
        "transformer."
    } else {
        ""
    };
    for block in 0..2 {
        model.set(
            &format!("{prefix}h.{block}.attn.bias"),
            Tensor::of("U8", &[1, 1, 24, 24], 576),
        );
        model.set(
            &format!("{prefix}h.{block}.attn.masked_bias"),
            Tensor::f32(&[], |_| -1e4),
        );
    }
    let out = folder.path().join("out");
    let report = compress(&model.save(), &out, "safetensors");
    assert!(
        report["notes"]
            .to_string()
            .contains("h.*.attn.bias (2, 1.2 kB)"),
        "{}",
        report["notes"]
    );
    let mut left: Vec<String> = read(&out.join("model.safetensors"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    // The model that transformers wrote had some of them.
    let is_dead = |name: &String| name.ends_with(".attn.bias") || name.ends_with(".masked_bias");
    let mut names: Vec<String> = names.into_iter().filter(|name| !is_dead(name)).collect();
    left.sort();
    names.sort();
    assert_eq!(left, names);
}

/// A pooler is for others to read, and so are heads of a task; a decoder that is the token table again is not.
#[test]
fn what_others_read_is_kept_with_its_bytes() {
    let folder = tempfile::tempdir().expect("folder");
    let golden = repository().join("test/golden/model/bert-relu");
    let mut model = Edited::copy(&golden, folder.path().join("bert"));
    let names = model.names();
    let prefix = if names[0].starts_with("bert.") {
        "bert."
    } else {
        ""
    };
    let table = model
        .get(&format!("{prefix}embeddings.word_embeddings.weight"))
        .clone();
    let hidden = table.shape[1];
    model.set("cls.predictions.decoder.weight", table);
    model.set(
        "cls.seq_relationship.weight",
        Tensor::f32(&[2, hidden], |index| index as f32),
    );
    model.set(
        &format!("{prefix}pooler.dense.weight"),
        Tensor::f32(&[hidden, hidden], |index| index as f32),
    );
    model.set(
        &format!("{prefix}embeddings.position_ids"),
        Tensor::of("I64", &[1, 16], 128),
    );
    let out = folder.path().join("out");
    let report = compress(&model.save(), &out, "safetensors");
    let result = read(&out.join("model.safetensors"));
    let has = |name: &str| result.iter().any(|(own, _)| own.ends_with(name));
    assert!(has("pooler.dense.weight") && has("cls.seq_relationship.weight"));
    assert!(!has("cls.predictions.decoder.weight") && !has("position_ids"));
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("the network does not read them, others may"),
        "{notes}"
    );
    assert!(notes.contains("pooler.dense.weight ("), "{notes}");
}

/// The head of this model is its token table; a copy of it took 4.2 MB of 6.4.
#[test]
fn a_real_model_with_a_copy_of_its_head_stays_small() {
    let Some(classics) = common::shared("models/classics-6M") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let mut model = Edited::copy(Path::new(&classics), folder.path().join("copy"));
    model.set(HEAD, model.get(TABLE).clone());
    let [without, with] = ["without", "with"].map(|name| folder.path().join(name));
    let expected = compress(&classics, &without, "kerf");
    let report = compress(&model.save(), &with, "kerf");
    // The header of the source is not the same one, and a result keeps what it says of the model.
    let more = f64_of(&report, "outputBytes") - f64_of(&expected, "outputBytes");
    assert!(more.abs() < 1000.0, "{more}");
}
