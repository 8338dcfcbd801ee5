//! Models with a LoRA adapter beside them compute what PEFT computes, also where head and token embedding are one matrix.

mod common;

use common::{Reference, compute, distance, root};
use kerf_model::evaluate::Runner;
use kerf_model::{Kind, Network, with_own_head};
use kerf_tensors::folder::MemFolder;
use kerf_tensors::{Catalog, Folder};
use std::sync::Arc;

const TOLERANCE: f32 = 1e-4;

/// The files of a model, and those of an adapter beside it.
fn folder(model: &str, case: &str) -> MemFolder {
    let folder = plain_folder(model);
    add_files(&folder, &format!("case/{case}"));
    folder
}

fn plain_folder(model: &str) -> MemFolder {
    let folder = MemFolder::new("model");
    add_files(&folder, &format!("model/{model}"));
    folder
}

fn add_files(folder: &MemFolder, path: &str) {
    let golden = root().join("test/golden/adapter");
    for file in std::fs::read_dir(golden.join(path)).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        folder.insert(&name, std::fs::read(file.path()).unwrap());
    }
}

fn open(folder: MemFolder) -> Catalog {
    with_own_head(Catalog::open(Arc::new(folder)).unwrap()).unwrap()
}

fn output(catalog: &Catalog, ids: &[u32]) -> Vec<f32> {
    let (compute, network) = (compute(), Network::of_catalog(catalog).unwrap());
    let mut runner = Runner::new(&network, catalog, &compute, 0);
    match network.kind() {
        Kind::Decoder => runner.logits(ids).unwrap(),
        Kind::Encoder => runner.hidden_states(ids).unwrap(),
    }
}

#[test]
fn a_model_with_its_adapter_computes_what_peft_computes() {
    let cases = std::fs::read_dir(root().join("test/golden/adapter/case")).unwrap();
    let mut seen = 0;
    for case in cases {
        let case = case.unwrap().file_name().into_string().unwrap();
        let path = format!("test/golden/adapter/reference/{case}.safetensors");
        let (reference, model) = Reference::of_file(&root().join(path));
        let catalog = open(folder(&model, &case));
        let worst = distance(
            &output(&catalog, &reference.ids()[0]),
            &reference.values("output"),
        );
        // PEFT multiplies in the narrow type.
        let tolerance = if case == "bf16" { 0.1 } else { TOLERANCE };
        assert!(worst <= tolerance, "{case}: {worst}");
        seen += 1;
    }
    assert!(seen > 15);
}

/// The head keeps what the table was, as a matrix of its own that goes with the model, and config.json says so.
#[test]
fn a_head_that_shared_an_adapted_table_has_its_own_values() {
    for case in ["tied-table", "tied-table-whole"] {
        let catalog = open(folder("llama-tied", case));
        let plain = plain_folder("llama-tied");
        let plain = Catalog::open(Arc::new(plain)).unwrap();
        let values = |catalog: &Catalog, name: &str| {
            let entry = catalog.get(name).unwrap();
            catalog.read_f32(&compute(), entry).unwrap()
        };
        let table = "model.embed_tokens.weight";
        assert_eq!(values(&catalog, "lm_head.weight"), values(&plain, table));
        assert_ne!(values(&catalog, table), values(&plain, table));
        let config = catalog.folder.read("config.json").unwrap();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["tie_word_embeddings"], false);
    }
}

/// Of an architecture that is not known nobody can tell which matrix the head is.
#[test]
fn an_adapter_of_a_table_of_an_unknown_architecture_is_refused() {
    let folder = folder("llama-tied", "tied-table");
    let config = folder.read("config.json").unwrap();
    let config = String::from_utf8(config).unwrap();
    let config = config.replace("\"model_type\": \"llama\"", "\"model_type\": \"spiral\"");
    folder.insert("config.json", config);
    let error = with_own_head(Catalog::open(Arc::new(folder)).unwrap()).unwrap_err();
    assert_eq!(error.code(), "BAD_ADAPTER");
    assert!(
        error.to_string().contains("does not know spiral"),
        "{error}"
    );
}
