//! Every command on a folder with an adapter does what it does on the folder of the merged model.

mod common;

use common::{err, ok, repository, sample, stories, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Reads a safetensors file of f32.
fn read(file: &Path) -> Tensors {
    let bytes = std::fs::read(file).unwrap();
    let header_bytes = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..header_bytes]).unwrap();
    let tensors = header.as_object().unwrap().iter();
    let tensors = tensors.filter(|(name, _)| *name != "__metadata__");
    tensors
        .map(|(name, tensor)| {
            let number = |value: &Value| value.as_u64().unwrap() as usize;
            let shape = tensor["shape"].as_array().unwrap().iter().map(number);
            let [start, end] = [0, 1].map(|at| header_bytes + number(&tensor["data_offsets"][at]));
            let values = bytes[start..end].chunks_exact(4);
            let values = values.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
            (name.clone(), (shape.collect(), values.collect()))
        })
        .collect()
}

fn write(file: &Path, tensors: &Tensors) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, (shape, values)) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let offsets = [start, data.len()];
        let tensor = json!({ "dtype": "F32", "shape": shape, "data_offsets": offsets });
        header.insert(name.clone(), tensor);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    std::fs::write(file, bytes).unwrap();
}

/// Small fractions of two: their products and sums are exact, so that both ways round once.
fn factor(rows: usize, cols: usize, seed: usize) -> (Vec<usize>, Vec<f32>) {
    let value = |at: usize| ((at * 7 + seed * 13) % 11) as f32 / 64.0 - 5.0 / 64.0;
    (vec![rows, cols], (0..rows * cols).map(value).collect())
}

const RANK: usize = 2;
const SCALE: f32 = 4.0;

/// Copies a model, beside it an adapter of some of its matrices and all its norms, and another copy with both merged.
fn folders(model: &Path, inside: &Path, targets: &[&str]) -> [PathBuf; 2] {
    let [adapted, merged] = ["adapted", "merged"].map(|name| inside.join(name));
    for folder in [&adapted, &merged] {
        std::fs::create_dir(folder).unwrap();
        for file in std::fs::read_dir(model).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    let mut tensors = read(&model.join("model.safetensors"));
    let mut adapter = Tensors::new();
    for (seed, (name, (shape, values))) in tensors.iter_mut().enumerate() {
        let stem = format!("base_model.model.{}", name.trim_end_matches(".weight"));
        if let ([outputs, inputs], true) =
            (&shape[..], targets.iter().any(|end| stem.ends_with(end)))
        {
            let (a, b) = (
                factor(RANK, *inputs, seed),
                factor(*outputs, RANK, seed + 1),
            );
            for (at, value) in values.iter_mut().enumerate() {
                let (row, col) = (at / inputs, at % inputs);
                let product = (0..RANK).map(|k| b.1[row * RANK + k] * a.1[k * inputs + col]);
                *value += SCALE * product.sum::<f32>();
            }
            adapter.insert(format!("{stem}.lora_A.weight"), a);
            adapter.insert(format!("{stem}.lora_B.weight"), b);
        } else if name.contains("norm") || name.contains("LayerNorm") {
            values.iter_mut().for_each(|value| *value *= 1.25);
            adapter.insert(
                format!("base_model.model.{name}"),
                (shape.clone(), values.clone()),
            );
        }
    }
    write(&merged.join("model.safetensors"), &tensors);
    write(&adapted.join("adapter_model.safetensors"), &adapter);
    let config = json!({
        "peft_type": "LORA", "r": RANK, "lora_alpha": SCALE as f64 * RANK as f64, "target_modules": targets,
        "base_model_name_or_path": "somewhere/else", "task_type": "CAUSAL_LM",
    });
    std::fs::write(adapted.join("adapter_config.json"), config.to_string()).unwrap();
    [adapted, merged]
}

fn decoder(inside: &Path) -> [PathBuf; 2] {
    folders(
        Path::new(&stories()),
        inside,
        &["q_proj", "v_proj", "down_proj"],
    )
}

/// All files of a result, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    files
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn evaluation_and_generation_are_those_of_the_merged_model() {
    let inside = tempfile::tempdir().unwrap();
    let run = |folder: &Path| {
        let request = json!({ "model": text(folder), "textFile": sample() });
        let perplexity = ok("evaluate", request)["perplexity"].as_f64().unwrap();
        let prompt =
            json!({ "model": text(folder), "prompt": "Once upon a time", "maxTokens": 12 });
        (perplexity, ok("generate", prompt)["text"].clone())
    };
    let [adapted, merged] = decoder(inside.path()).map(|folder| run(&folder));
    assert_eq!(adapted, merged);
    let plain = run(Path::new(&stories()));
    assert!((plain.0 - adapted.0).abs() > 1.0, "{plain:?} {adapted:?}");
}

#[test]
fn conversions_are_those_of_the_merged_model() {
    let inside = tempfile::tempdir().unwrap();
    let both = decoder(inside.path());
    for format in ["safetensors", "kerf", "compressed-tensors", "gguf-q8_0"] {
        let [adapted, merged] =
            ["adapted", "merged"].map(|name| inside.path().join(format!("{format}-{name}")));
        for (model, out) in both.iter().zip([&adapted, &merged]) {
            let request = json!({ "model": text(model), "format": format, "out": text(out) });
            let notes = ok("convert", request)["notes"].to_string();
            let says = notes.contains("merged into the model when its weights are read");
            assert_eq!(says, model == &both[0], "{notes}");
        }
        let (adapted, merged) = (files(&adapted), files(&merged));
        assert!(adapted.keys().eq(merged.keys()), "{:?}", adapted.keys());
        for (name, bytes) in &adapted {
            assert!(*bytes == merged[name], "{format}: {name}");
        }
    }
}

#[test]
fn compression_is_that_of_the_merged_model() {
    let inside = tempfile::tempdir().unwrap();
    let both = decoder(inside.path());
    for (options, calibrated) in [
        (
            json!({ "method": "rtn", "sparsity": 0, "format": "safetensors" }),
            false,
        ),
        (
            json!({ "method": "obs", "tokens": 512, "format": "safetensors" }),
            true,
        ),
        (
            json!({ "method": "rtn", "sparsity": 0, "format": "kerf" }),
            false,
        ),
    ] {
        let [adapted, merged] = [0, 1].map(|at| {
            let out = inside
                .path()
                .join(format!("{}-{at}", options["format"].as_str().unwrap()));
            let _ = std::fs::remove_dir_all(&out);
            let mut request =
                json!({ "model": text(&both[at]), "out": text(&out), "options": options });
            if calibrated {
                request["calibration"] = json!({ "file": sample() });
            }
            ok("compress", request);
            let back = out.with_extension("back");
            let _ = std::fs::remove_dir_all(&back);
            ok(
                "convert",
                json!({ "model": text(&out), "format": "safetensors", "out": text(&back) }),
            );
            (files(&out), read(&back.join("model.safetensors")))
        });
        assert!(
            adapted.0.keys().eq(merged.0.keys()),
            "{:?}",
            adapted.0.keys()
        );
        assert!(!adapted.0.keys().any(|file| file.starts_with("adapter")));
        assert!(adapted.1 == merged.1, "{options}");
    }
}

#[test]
fn embeddings_are_those_of_the_merged_model() {
    let inside = tempfile::tempdir().unwrap();
    let model = inside.path().join("encoder");
    std::fs::create_dir(&model).unwrap();
    let golden = repository().join("test/golden/adapter/model/bert");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden.join(file), model.join(file)).unwrap();
    }
    let words = (0..20).map(|word| (format!("w{word}"), json!(word)));
    let mut vocab: serde_json::Map<String, Value> = words.collect();
    vocab.insert("<unk>".into(), json!(20));
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null, "added_tokens": [],
        "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null,
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<unk>" },
    });
    std::fs::write(model.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    // The class of a BERT would add its own tokens.
    let class = json!({ "tokenizer_class": "PreTrainedTokenizerFast" });
    std::fs::write(model.join("tokenizer_config.json"), class.to_string()).unwrap();
    let targets = ["query", "value", "intermediate.dense"];
    let vectors = |folder: &Path| {
        let texts = json!(["w1 w2 w3", "w7 w1"]);
        ok("embed", json!({ "model": text(folder), "texts": texts }))
    };
    let plain = vectors(&model);
    let [adapted, merged] = folders(&model, inside.path(), &targets).map(|folder| vectors(&folder));
    assert_eq!(adapted["vectors"], merged["vectors"]);
    assert_ne!(adapted["vectors"], plain["vectors"]);
}

#[test]
fn inspect_says_what_is_merged_and_refusals_name_the_fix() {
    let inside = tempfile::tempdir().unwrap();
    let [adapted, _] = decoder(inside.path());
    let inspection = ok("inspect", json!({ "model": text(&adapted) }));
    let tensors = inspection["tensors"].as_array().unwrap();
    let merged = tensors
        .iter()
        .filter(|tensor| tensor["stored"] == "merged with the adapter");
    assert_eq!(merged.count(), 15);
    let norm = tensors
        .iter()
        .find(|tensor| tensor["name"] == "model.norm.weight")
        .unwrap();
    assert_eq!(norm["file"], "adapter_model.safetensors");
    let config = adapted.join("adapter_config.json");
    std::fs::write(
        &config,
        r#"{"peft_type": "LORA", "r": 2, "use_dora": true}"#,
    )
    .unwrap();
    let out = inside.path().join("out");
    for (command, request) in [
        ("inspect", json!({ "model": text(&adapted) })),
        (
            "evaluate",
            json!({ "model": text(&adapted), "textFile": sample() }),
        ),
        (
            "convert",
            json!({ "model": text(&adapted), "format": "kerf", "out": text(&out) }),
        ),
    ] {
        let error = err(command, request);
        assert_eq!(error.code, "BAD_ADAPTER");
        for part in ["adapter_config.json", "use_dora", "merge_and_unload"] {
            assert!(error.message.contains(part), "{}", error.message);
        }
    }
}
