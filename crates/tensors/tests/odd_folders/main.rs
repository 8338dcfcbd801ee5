//! Folders as people have them: an index against its shards, links, files that were not really fetched, JSON as Python writes it.

#[path = "../common/mod.rs"]
mod common;
#[cfg(unix)]
mod links;

use common::{compute, open, shared, write_output};
use kerf_tensors::folder::{FsFolder, MemFolder};
use kerf_tensors::formats::{self, ModelInfo, NothingReplaced, Output};
use kerf_tensors::{Catalog, Folder, Source, TensorsError};
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file of f32 vectors made by the safetensors crate.
fn file(tensors: &[(&str, &[f32])]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, values)| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, values), bytes)| {
        (
            *name,
            TensorView::new(Dtype::F32, vec![values.len()], bytes).unwrap(),
        )
    });
    serialize(views, None).unwrap()
}

fn error(folder: &MemFolder) -> TensorsError {
    Catalog::open(Arc::new(folder.clone())).expect_err("a folder that is not whole")
}

const INDEX: &str = "model.safetensors.index.json";

/// `a` lies in both shards; the index has it in the overlay. It does not name `old`.
fn overlaid() -> MemFolder {
    let folder = MemFolder::new("m");
    folder
        .insert(
            "base.safetensors",
            file(&[("a", &[1.0, 2.0]), ("b", &[3.0]), ("old", &[9.0; 5])]),
        )
        .insert("overlay.safetensors", file(&[("a", &[4.0, 5.0])]))
        .insert("config.json", "{}")
        .insert(
            INDEX,
            r#"{"weight_map":{"a":"overlay.safetensors","b":"base.safetensors"}}"#,
        );
    folder
}

#[test]
fn the_index_decides_where_a_tensor_is_and_which_are_none_of_the_model() {
    let model = open(&overlaid());
    let values = |model: &Catalog, name: &str| {
        model
            .read_f32(&compute(1), model.get(name).unwrap())
            .unwrap()
    };
    assert_eq!(
        (values(&model, "a"), values(&model, "b")),
        (vec![4.0, 5.0], vec![3.0])
    );
    assert_eq!(model.tensors.len(), 2);
    let notes = model.files.notes().join("\n");
    assert!(
        notes.contains("2 tensors") && notes.contains("28 bytes"),
        "{notes}"
    );
    // A result has the tensors of the model alone.
    let model_info = ModelInfo::default();
    let dense = formats::by_id("safetensors").unwrap();
    let output = Output::plan(
        &model,
        &model_info,
        dense,
        &NothingReplaced,
        BTreeMap::new(),
        u64::MAX,
        true,
    );
    let (written, _) = write_output(&compute(1), &output.unwrap());
    let written = open(&written);
    assert_eq!(
        (values(&written, "a"), written.tensors.len()),
        (vec![4.0, 5.0], 2)
    );
    assert!(!written.files.notes().join("").contains("index"));
}

#[test]
fn a_model_whose_index_and_shards_agree_has_no_note_and_other_files_are_named() {
    let folder = MemFolder::new("m");
    folder
        .insert("one.safetensors", file(&[("a", &[1.0])]))
        .insert("config.json", "{}")
        .insert(INDEX, r#"{"weight_map":{"a":"one.safetensors"}}"#);
    assert_eq!(open(&folder).files.notes(), [""; 0]);
    folder.insert("consolidated.safetensors", "is not read");
    let notes = open(&folder).files.notes();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains(INDEX), "{notes:?}");
}

#[test]
fn a_container_in_a_shard_follows_its_index_too() {
    let encoded =
        |name: &str, seed| common::encode(&compute(1), name, &common::matrix(SHAPE, seed));
    let kerf = formats::by_id("kerf").unwrap();
    let shard = |tensors: &[kerf_tensors::EncodedTensor]| {
        let units: Vec<_> = tensors.iter().map(common::unit).collect();
        let entries: Vec<_> = units.iter().map(common::only_tensor).collect();
        let (folder, files) = common::write_model(&compute(1), kerf, &entries, u64::MAX);
        let names = files[0].tensors.iter().map(|tensor| tensor.name.clone());
        (
            folder.read("model.kerf").unwrap(),
            names.collect::<Vec<_>>(),
        )
    };
    let newer = encoded("w", 2);
    let (base, names) = shard(&[encoded("w", 1), encoded("v", 3)]);
    let (overlay, overlaid) = shard(std::slice::from_ref(&newer));
    let map = names.iter().map(|name| match overlaid.contains(name) {
        true => format!("{name:?}:\"overlay.kerf\""),
        false => format!("{name:?}:\"base.kerf\""),
    });
    let map = map.collect::<Vec<_>>().join(",");
    let folder = MemFolder::new("m");
    folder
        .insert("base.kerf", base)
        .insert("overlay.kerf", overlay)
        .insert(
            "model.kerf.index.json",
            format!("{{\"weight_map\":{{{map}}}}}"),
        );
    let model = open(&folder);
    let expected = newer
        .decode(&compute(1))
        .unwrap()
        .dequantize(&compute(1).kernels);
    assert_eq!(
        model
            .read_f32(&compute(1), model.get("w").unwrap())
            .unwrap(),
        expected
    );
    assert_eq!(model.tensors.len(), 2);
    assert!(model.files.notes().join("").contains("the index decides"));
}

const SHAPE: common::Shape = common::Shape {
    rows: 33,
    cols: 19,
    pruned: Some(50),
    body: common::Body::Grid(4, 16),
};

#[test]
fn metadata_that_is_null_is_none() {
    let header = r#"{"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.push(7);
    let folder = MemFolder::new("m");
    folder.insert("model.safetensors", bytes);
    let model = open(&folder);
    assert_eq!(model.read_bytes(model.get("a").unwrap()).unwrap(), [7]);
    assert!(model.metadata.is_empty());
}

const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 90868376\n";
const PAGE: &str = "<!DOCTYPE html>\n<html class=\"\"><head><title>Sign in</title></head></html>";

#[test]
fn a_pointer_or_a_page_in_the_place_of_any_file_is_named_with_the_fix() {
    let whole = || {
        let folder = MemFolder::new("m");
        folder
            .insert("model.safetensors", file(&[("a", &[1.0])]))
            .insert("config.json", "{}");
        folder
    };
    for (content, says) in [
        (POINTER, "run `git lfs pull`"),
        (PAGE, "download the file again"),
    ] {
        for name in [
            "model.safetensors",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "tokenizer.model",
            "vocab.txt",
            "1_Pooling/config.json",
            "2_Dense/model.safetensors",
        ] {
            let folder = whole();
            folder.insert(name, content);
            let text = error(&folder).to_string();
            assert!(
                text.contains(&format!("m/{name}")) && text.contains(says),
                "{text}"
            );
        }
        for name in ["model.kerf", "model.gguf", INDEX] {
            let folder = MemFolder::new("m");
            folder.insert(name, content);
            let text = error(&folder).to_string();
            assert!(
                text.contains(&format!("m/{name}")) && text.contains(says),
                "{text}"
            );
        }
        // Prose is not needed.
        let folder = whole();
        folder.insert("README.md", content);
        let model = open(&folder);
        let notes = model.files.notes().join("");
        assert!(
            notes.contains("README.md") && notes.contains(says),
            "{notes}"
        );
        assert!(!model.sidecars.iter().any(|(name, _)| name == "README.md"));
    }
}

#[test]
fn empty_and_cut_files_are_named_with_the_reason() {
    let text = |name: &str, content: &[u8]| {
        let folder = MemFolder::new("m");
        folder.insert("a.safetensors", file(&[("a", &[1.0])]));
        folder.insert(name, content);
        error(&folder).to_string()
    };
    let json = br#"{"model_type": "llama", "rope": {"#;
    for (name, content, says) in [
        ("config.json", &b""[..], "is empty"),
        ("config.json", json, "ends in the middle"),
        ("tokenizer_config.json", json, "ends in the middle"),
        (INDEX, br#"{"weight_map": {"a": "#, "ends in the middle"),
        ("b.safetensors", b"", "truncated: it has 0 bytes"),
    ] {
        let text = text(name, content);
        assert!(
            text.contains(&format!("m/{name}")) && text.contains(says),
            "{text}"
        );
    }
}

#[test]
fn numbers_that_are_not_finite_are_read_and_written_as_transformers_reads_them() {
    let folder = MemFolder::new("m");
    folder
        .insert("model.safetensors", file(&[("a", &[1.0])]))
        .insert(
            "config.json",
            r#"{"time_step_limit": [0.0, Infinity], "x": -Infinity, "y": NaN}"#,
        )
        .insert("tokenizer_config.json", r#"{"model_max_length": Infinity}"#);
    let model = open(&folder);
    let config = model.files.config.as_ref().unwrap();
    assert_eq!(config["time_step_limit"][1]["__float__"], "Infinity");
    assert_eq!(
        (&config["x"]["__float__"], &config["y"]["__float__"]),
        (&"-Infinity".into(), &"NaN".into())
    );
    assert_eq!(model.files.tokenizer.max_length, None);
    // A field that is used must be finite.
    folder.insert("generation_config.json", r#"{"temperature": NaN}"#);
    let error = error(&folder);
    assert_eq!(error.code(), "BAD_CONFIG");
    let text = error.to_string();
    assert!(
        text.contains("generation_config.json: temperature") && text.contains("got NaN"),
        "{text}"
    );
}

#[test]
fn a_folder_without_config_is_read_with_a_note() {
    let folder = MemFolder::new("m");
    folder.insert("model.safetensors", file(&[("a", &[1.0])]));
    let notes = open(&folder).files.notes();
    assert!(
        notes[0].starts_with("config.json: ") && notes[0].contains("fetch it"),
        "{notes:?}"
    );
}

#[test]
fn the_advice_for_pytorch_weights_reads_the_class_of_the_model() {
    let folder = MemFolder::new("m");
    folder.insert("pytorch_model.bin", "PK").insert(
        "config.json",
        r#"{"architectures": ["GPT2LMHeadModel"], "x": Infinity}"#,
    );
    let text = error(&folder).to_string();
    assert!(
        text.contains("GPT2LMHeadModel.from_pretrained(DIR)"),
        "{text}"
    );
    // A configuration that cannot be read does not hide the reason.
    folder.insert("config.json", "{");
    assert!(error(&folder).to_string().contains("pytorch_model.bin"));
}

/// Counts the bytes that are read.
struct Counted {
    folder: Arc<dyn Folder>,
    read: Arc<AtomicU64>,
}

struct CountedSource {
    source: Arc<dyn Source>,
    read: Arc<AtomicU64>,
}

impl Source for CountedSource {
    fn name(&self) -> &str {
        self.source.name()
    }
    fn len_bytes(&self) -> u64 {
        self.source.len_bytes()
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError> {
        self.read.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.source.read_at(offset, buf)
    }
}

impl Folder for Counted {
    fn name(&self) -> String {
        self.folder.name()
    }
    fn list(&self) -> Result<Vec<String>, TensorsError> {
        self.folder.list()
    }
    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        let (source, read) = (self.folder.open(file)?, self.read.clone());
        Ok(Arc::new(CountedSource { source, read }))
    }
    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        self.folder.read(file)
    }
}

#[test]
fn of_shards_nothing_but_headers_is_read() {
    let mut folders: Vec<Arc<dyn Folder>> = vec![Arc::new(overlaid())];
    if let Some(path) = shared("stories260K-bf16-sharded") {
        folders.push(Arc::new(FsFolder::open(&path).unwrap()));
    }
    for folder in folders {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            folder,
            read: read.clone(),
        };
        let model = Catalog::open(Arc::new(counted)).unwrap();
        let headers: u64 = model.shards.iter().map(|shard| shard.header_bytes).sum();
        let files = (model.shards.len() + model.sidecars.len()) as u64;
        // Beside each header the first bytes of each file, which tell what it is.
        let read = read.load(Ordering::Relaxed);
        assert!(
            read >= headers && read <= headers + 256 * files,
            "{read} for {headers}"
        );
    }
}
