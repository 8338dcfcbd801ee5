//! New heads: what is made loads as a model of its class, and its body computes what it computed before.

use kerf_kernels::Compute;
use kerf_model::backward::hidden_states;
use kerf_model::{Batch, ClassifierHead, FreshHead, ModelError, Network, SpanHead};
use kerf_tensors::folder::{MemFolder, MemOutFolder, MemWorkspace};
use kerf_tensors::{Catalog, Workspace};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn compute() -> Compute {
    Compute::new(None, 2).expect("the best instruction set")
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../test/golden/model")
        .join(name)
}

fn names(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

/// The model with a new head.
fn headed(catalog: &Catalog, head: FreshHead<'_>) -> Result<Catalog, ModelError> {
    let network = Network::of_catalog(catalog)?;
    let made = network.with_fresh_head(catalog, head, 7)?;
    let workspace: Arc<dyn Workspace> = Arc::new(MemWorkspace::default());
    kerf_train::with_head(&compute(), catalog, &made, &workspace)
}

const BATCH: [[u32; 5]; 2] = [[2, 5, 9, 4, 3], [1, 3, 7, 8, 6]];

fn states(catalog: &Catalog) -> Vec<f32> {
    let network = Network::of_catalog(catalog).expect("a network");
    let batch = Batch::new(&BATCH.map(|ids| ids.to_vec()));
    hidden_states(&network, &compute(), catalog, &batch).expect("states")
}

#[test]
fn a_classifier_has_the_body_of_its_model() {
    let labels = names(&["bad", "fair", "good"]);
    let mut made = 0;
    for name in [
        "bert-relu",
        "roberta",
        "distilbert",
        "mpnet",
        "modernbert",
        "llama-biases",
        "gpt2",
        "qwen3",
    ] {
        let folder = golden(name);
        if !folder.exists() {
            continue;
        }
        let catalog = Catalog::open_path(&folder).expect(name);
        let start = headed(&catalog, FreshHead::Labels(&labels)).expect(name);
        assert_eq!(states(&catalog), states(&start), "{name}");
        let network = Network::of_catalog(&start).expect(name);
        let config = start.files.config.as_ref().expect("config.json");
        let head = ClassifierHead::load(&network, config, &compute(), &start).expect(name);
        assert_eq!(head.labels().names, labels, "{name}");
        let batch = Batch::new(&BATCH.map(|ids| ids.to_vec()));
        let logits = head
            .logits(&compute(), &batch, &states(&start))
            .expect(name);
        assert!(
            logits.len() == 6 && logits.iter().all(|x| x.is_finite() && *x != 0.0),
            "{name}"
        );
        // Nothing is there that the class does not have.
        let info = network.model_info(&start).expect(name);
        assert!(info.dead.is_empty(), "{name}: {:?}", info.dead);
        made += 1;
    }
    assert!(made >= 5, "{made}");
}

#[test]
fn a_span_head_has_two_logits_a_token() {
    for name in ["bert-relu", "roberta", "distilbert", "modernbert"] {
        let folder = golden(name);
        if !folder.exists() {
            continue;
        }
        let catalog = Catalog::open_path(&folder).expect(name);
        let start = headed(&catalog, FreshHead::Span).expect(name);
        let network = Network::of_catalog(&start).expect(name);
        let config = start.files.config.as_ref().expect("config.json");
        let head = SpanHead::load(&network, config, &compute(), &start).expect(name);
        let logits = head.logits(&compute(), &states(&start));
        assert_eq!((logits.start.len(), logits.end.len()), (10, 10), "{name}");
    }
}

#[test]
fn what_has_no_class_is_refused_by_its_name() {
    let catalog = Catalog::open_path(&golden("llama-biases")).expect("llama");
    let error = headed(&catalog, FreshHead::Span).expect_err("refused");
    assert_eq!(error.code(), "WRONG_KIND");
}

#[test]
fn what_was_learned_is_written_in_the_types_of_the_source() {
    let catalog = Catalog::open_path(&golden("bert-relu")).expect("bert");
    let network = Network::of_catalog(&catalog).expect("a network");
    let info = network.model_info(&catalog).expect("info");
    let name = info.linears.iter().min().expect("a matrix").as_str();
    let mut weights =
        kerf_model::MemoryWeights::copy_of(&catalog, &compute(), [name]).expect("weights");
    weights.get_mut(name).expect("there").fill(0.5);
    let target = MemFolder::new("out");
    let mut out = MemOutFolder::create(&target).expect("empty");
    let mut told = (0, 0);
    let bytes = kerf_train::write_result(
        &compute(),
        &catalog,
        &info,
        &weights,
        &mut out,
        &mut |done, total| {
            told = (done, total);
            Ok(())
        },
    )
    .expect("written");
    kerf_tensors::OutFolder::commit(Box::new(out)).expect("committed");
    assert_eq!(told, (bytes, bytes));
    let made = Catalog::open(Arc::new(target)).expect("a model");
    for entry in &catalog.tensors {
        let own = made.get(&entry.name).expect("kept");
        assert_eq!((own.dtype, &own.shape), (entry.dtype, &entry.shape));
        let (before, after) = (
            catalog.read_finite(&compute(), entry).expect("values"),
            made.read_finite(&compute(), own).expect("values"),
        );
        match entry.name == name {
            true => assert!(after.iter().all(|x| *x == 0.5)),
            false => assert_eq!(before, after),
        }
    }
}
