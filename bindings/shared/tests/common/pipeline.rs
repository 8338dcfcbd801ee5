//! The folders of test/golden/pipeline.

use super::repository;
use kerf_kernels::Compute;
use kerf_tensors::Catalog;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// All cases, with what sentence-transformers computed.
pub struct Golden {
    pub texts: Value,
    cases: Vec<Value>,
    reference: Catalog,
}

fn golden() -> PathBuf {
    repository().join("test/golden")
}

pub fn cases() -> Golden {
    let pipeline = golden().join("pipeline");
    let json = std::fs::read(pipeline.join("cases.json")).unwrap();
    let mut json: Value = serde_json::from_slice(&json).unwrap();
    let reference = Catalog::open_path(&pipeline.join("reference.safetensors")).unwrap();
    Golden {
        texts: json["texts"].take(),
        cases: serde_json::from_value(json["cases"].take()).unwrap(),
        reference,
    }
}

impl Golden {
    /// Each case with its vectors.
    pub fn cases(&self) -> impl Iterator<Item = (&Value, Vec<Vec<f64>>)> {
        let compute = Compute::new(None, 1).unwrap();
        assert!(self.cases.len() > 90);
        self.cases.iter().map(move |case| {
            let entry = self.reference.get(case["name"].as_str().unwrap()).unwrap();
            let values = self.reference.read_f32(&compute, entry).unwrap();
            let rows = values.chunks(entry.shape[1]);
            let vectors = rows.map(|row| row.iter().map(|value| f64::from(*value)).collect());
            (case, vectors.collect())
        })
    }
}

pub fn case<'a>(golden: &'a Golden, name: &str) -> &'a Value {
    let mut cases = golden.cases.iter();
    cases
        .find(|case| case["name"] == *name)
        .unwrap_or_else(|| panic!("no case {name}"))
}

/// The options of `embed` for those of `encode`.
pub fn options(case: &Value) -> Vec<(&'static str, Value)> {
    const NAMES: [(&str, &str); 3] = [
        ("prompt", "prompt"),
        ("prompt_name", "promptName"),
        ("truncate_dim", "dimensions"),
    ];
    let encode = case["encode"].as_object().unwrap();
    assert!(
        encode
            .keys()
            .all(|key| NAMES.iter().any(|(name, _)| name == key))
    );
    let given = NAMES
        .iter()
        .filter_map(|(name, own)| Some((*own, encode.get(*name)?.clone())));
    given.collect()
}

/// The folder of a case, made under `root`.
pub fn folder_of(case: &Value, root: &Path) -> PathBuf {
    let folder = root.join("model");
    let base = case["base"].as_str().unwrap();
    let target = folder.join(case["at"].as_str().unwrap());
    std::fs::create_dir_all(&target).unwrap();
    copy_all(&golden().join("pipeline").join(base), &target);
    if base == "llama" {
        for file in ["config.json", "model.safetensors"] {
            let from = golden().join("model/llama-biases").join(file);
            std::fs::copy(from, target.join(file)).unwrap();
        }
    }
    for (file, value) in case["files"].as_object().unwrap() {
        write(&folder.join(file), value.to_string().as_bytes());
    }
    for (file, name) in case["weights"].as_object().unwrap() {
        let name = format!("pipeline/weights/{}.safetensors", name.as_str().unwrap());
        write(
            &folder.join(file),
            &std::fs::read(golden().join(name)).unwrap(),
        );
    }
    folder
}

fn copy_all(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
