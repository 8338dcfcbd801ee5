//! Classifiers and span heads against transformers.

mod common;

use common::*;
use kerf_model::{Batch, ClassifierHead, Network, Problem, SpanHead};
use std::path::PathBuf;

const TOLERANCE: f32 = 1e-4;

fn folders(end: &str) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("test/golden/head")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|folder| folder.unwrap().path()).collect();
    folders.retain(|folder| folder.to_string_lossy().ends_with(end));
    folders.sort();
    folders
}

/// The sequences of the reference, and their last hidden states.
fn states(model: &Model, reference: &Reference) -> (Batch, Vec<f32>) {
    let mut batch = Batch::new(&reference.ids());
    if let Some(types) = reference.types() {
        batch = batch.with_types(types);
    }
    let (network, compute) = (&model.network, compute());
    let mut x = network.embed(&compute, &model.catalog, &batch).unwrap();
    for index in 0..network.blocks() {
        let block = network.load_block(&compute, &model.catalog, index).unwrap();
        network.run_block(&compute, &block, &batch, &mut x, None);
    }
    network.finish(&compute, &model.catalog, &mut x).unwrap();
    (batch, x)
}

fn classifier(model: &Model) -> ClassifierHead {
    let config = model.catalog.files.config.as_ref().unwrap();
    ClassifierHead::load(&model.network, config, &compute(), &model.catalog).unwrap()
}

#[test]
fn classifiers_compute_what_transformers_does() {
    let folders = folders("-classifier");
    assert_eq!(folders.len(), 10);
    for folder in folders {
        let (model, reference) = (Model::open(&folder), Reference::open(&folder));
        let (batch, states) = states(&model, &reference);
        let logits = classifier(&model).logits(&compute(), &batch, &states);
        let worst = distance(&logits.unwrap(), &reference.values("logits"));
        assert!(worst <= TOLERANCE, "{}: {worst}", folder.display());
    }
}

#[test]
fn span_heads_compute_what_transformers_does() {
    let folders = folders("-span");
    assert_eq!(folders.len(), 9);
    for folder in folders {
        let (model, reference) = (Model::open(&folder), Reference::open(&folder));
        let (_, states) = states(&model, &reference);
        let config = model.catalog.files.config.as_ref().unwrap();
        let head = SpanHead::load(&model.network, config, &compute(), &model.catalog).unwrap();
        let logits = head.logits(&compute(), &states);
        let start = distance(&logits.start, &reference.values("start_logits"));
        let end = distance(&logits.end, &reference.values("end_logits"));
        assert!(
            start.max(end) <= TOLERANCE,
            "{}: {start} {end}",
            folder.display()
        );
    }
}

#[test]
fn labels_have_their_names_and_meaning() {
    let of = |name: &str| {
        let model = Model::open(&root().join("test/golden/head").join(name));
        classifier(&model).labels().clone()
    };
    assert_eq!(of("bert-classifier").names, ["bad", "so so", "good"]);
    assert_eq!(of("bert-classifier").problem, Problem::SingleLabel);
    assert_eq!(of("distilbert-classifier").problem, Problem::MultiLabel);
    assert_eq!(of("gpt2-classifier").problem, Problem::Regression);
}

#[test]
fn a_head_that_is_not_there_is_an_error() {
    let folder = root().join("test/golden/head");
    let span = Model::open(&folder.join("bert-span"));
    let config = span.catalog.files.config.as_ref().unwrap();
    let error = ClassifierHead::load(&span.network, config, &compute(), &span.catalog);
    assert_eq!(error.unwrap_err().code(), "WRONG_KIND");
    let class = Model::open(&folder.join("bert-classifier"));
    let error = SpanHead::load(&class.network, config, &compute(), &class.catalog);
    assert_eq!(error.unwrap_err().code(), "WRONG_KIND");
    let bare = Model::open(&golden("bert-relu"));
    let error = SpanHead::load(&bare.network, config, &compute(), &bare.catalog);
    assert_eq!(error.unwrap_err().code(), "WRONG_KIND");
    // The class says that there is one, and the file has none.
    let mut config = bare.catalog.files.config.clone().unwrap();
    config["architectures"] = serde_json::json!(["BertForSequenceClassification"]);
    let network = Network::open(&config, &bare.catalog).unwrap();
    let error = ClassifierHead::load(&network, &config, &compute(), &bare.catalog);
    assert_eq!(error.unwrap_err().code(), "TENSOR_MISSING");
    // As many labels as the configuration says.
    let mut config = class.catalog.files.config.clone().unwrap();
    config["id2label"] = serde_json::json!({"0": "a", "1": "b"});
    let error = ClassifierHead::load(&class.network, &config, &compute(), &class.catalog);
    assert_eq!(error.unwrap_err().code(), "WRONG_SHAPE");
}

#[test]
fn a_type_that_the_model_does_not_have_is_an_error() {
    let model = Model::open(&root().join("test/golden/head/distilbert-span"));
    let batch = Batch::new(&[[4, 5]]).with_types(vec![0, 1]);
    let error = model.network.embed(&compute(), &model.catalog, &batch);
    assert_eq!(error.unwrap_err().code(), "BAD_CONFIG");
}
