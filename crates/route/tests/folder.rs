//! Routers as folders: written and read back, and every kind of damage is an error of its own.

use kerf_kernels::Compute;
use kerf_model::Network;
use kerf_model::gate::{HiddenRouter, RouterWeights, StandIn};
use kerf_route::{RouteError, SavedRouter, Schedule};
use kerf_tensors::folder::{FsFolder, MemFolder, MemOutFolder};
use kerf_tensors::{Catalog, Folder, OutFolder};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

fn stories() -> (Network, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
    let catalog = Catalog::open_path(&folder).unwrap();
    let digest = catalog.weights_digest().unwrap();
    (Network::of_catalog(&catalog).unwrap(), digest)
}

fn compute() -> Compute {
    Compute::new(None, 1).unwrap()
}

fn router(id: &str) -> SavedRouter {
    let (network, digest) = stories();
    let (blocks, width) = (network.blocks(), network.hidden());
    let weights = (id == "mlp").then(|| Arc::new(RouterWeights::of_static_rule()));
    let hidden = (id == "hidden").then(|| Arc::new(HiddenRouter::new(blocks, width)));
    let stand_in = (id == "mlp").then(|| Arc::new(StandIn::new(blocks, width, 2, 5)));
    SavedRouter {
        router: id.into(),
        token_sparsity: 0.3,
        seed: 7,
        strict: id == "mlp",
        schedule: Schedule {
            sparsity: vec![0.0, 0.3, 0.45, 0.4, 0.35],
            ..Schedule::uniform(&network, 0.3)
        },
        model_digest: digest,
        weights,
        hidden,
        stand_in,
    }
}

fn written(router: &SavedRouter) -> MemFolder {
    let folder = MemFolder::new("a-router");
    let mut out: Box<dyn OutFolder> = Box::new(MemOutFolder::create(&folder).unwrap());
    let bytes = router.write(out.as_mut(), "# a card\n").unwrap();
    out.commit().unwrap();
    let files = folder.list().unwrap();
    let sizes = files
        .iter()
        .map(|file| folder.read(file).unwrap().len() as u64);
    assert_eq!(sizes.sum::<u64>(), bytes);
    folder
}

fn code(folder: &MemFolder) -> String {
    let error: RouteError = SavedRouter::read(folder, &compute()).unwrap_err();
    assert!(error.to_string().contains("a-router"), "{error}");
    error.code().into()
}

#[test]
fn a_router_comes_back_as_it_was() {
    for id in ["static", "mlp", "hidden"] {
        let router = router(id);
        let folder = written(&router);
        assert_eq!(SavedRouter::read(&folder, &compute()).unwrap(), router);
        let has_weights = folder
            .list()
            .unwrap()
            .contains(&"router.safetensors".into());
        assert_eq!(has_weights, id != "static");
        let (network, digest) = stories();
        let shares = router.shares(&network, &digest).unwrap();
        assert_eq!(shares.of_block(2).get(), 0.55);
        router.gate(shares);
    }
}

#[test]
fn damage_is_named() {
    let said = |change: &dyn Fn(&mut Value)| {
        let folder = written(&router("static"));
        let mut value: Value =
            serde_json::from_slice(&folder.read("schedule.json").unwrap()).unwrap();
        change(&mut value);
        folder.insert("schedule.json", value.to_string().into_bytes());
        code(&folder)
    };
    assert_eq!(said(&|value| value["version"] = json!(2)), "ROUTER_VERSION");
    let bad: [&dyn Fn(&mut Value); 8] = [
        &|value| value["version"] = json!("one"),
        &|value| value["format"] = json!("other"),
        &|value| value["router"] = json!("magic"),
        &|value| value["router"] = json!("none"),
        &|value| value["sparsity"] = json!([0.1]),
        &|value| value["sparsity"][1] = json!(1.5),
        &|value| value["tokenSparsity"] = json!(-1),
        &|value| drop(value.as_object_mut().unwrap().remove("model")),
    ];
    for change in bad {
        assert_eq!(said(change), "BAD_ROUTER");
    }
    let folder = MemFolder::new("a-router");
    assert_eq!(code(&folder), "BAD_ROUTER");
    folder.insert("schedule.json", "{");
    assert_eq!(code(&folder), "BAD_ROUTER");
}

#[test]
fn a_learned_router_needs_its_weights() {
    let (whole, alone) = (written(&router("mlp")), MemFolder::new("a-router"));
    alone.insert("schedule.json", whole.read("schedule.json").unwrap());
    assert_eq!(code(&alone), "NOT_FOUND");
}

#[test]
fn another_model_is_refused() {
    let (network, digest) = stories();
    let mut own = router("static");
    let refused = |own: &SavedRouter, digest: &str| {
        let error = own.shares(&network, digest).unwrap_err();
        assert_eq!(error.code(), "WRONG_MODEL");
        error.to_string()
    };
    let sentence = refused(&own, "0123456789abcdef");
    assert!(sentence.contains("weights 0123456789ab"), "{sentence}");
    own.schedule.sparsity.pop();
    let sentence = refused(&own, &digest);
    assert!(
        sentence.contains("4 blocks") && sentence.contains("5 blocks"),
        "{sentence}"
    );
}

#[test]
fn a_digest_is_of_the_weights_alone() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/stories260K");
    let source = FsFolder::open(&fixtures).unwrap();
    let (copy, same, other) = (
        MemFolder::new("a"),
        MemFolder::new("b"),
        MemFolder::new("c"),
    );
    for file in source.list().unwrap() {
        let bytes = source.read(&file).unwrap();
        let mut changed = bytes.clone();
        if file.ends_with(".safetensors") {
            let last = changed.len() - 1;
            changed[last] ^= 1;
        }
        copy.insert(&file, bytes.clone());
        other.insert(&file, changed);
        if !file.starts_with("tokenizer") && !file.ends_with(".md") {
            same.insert(&file, bytes);
        }
    }
    let digest = |folder: &MemFolder| {
        let catalog = Catalog::open(Arc::new(folder.clone())).unwrap();
        catalog.weights_digest().unwrap()
    };
    assert_eq!(digest(&copy), digest(&same));
    assert_ne!(digest(&copy), digest(&other));
    assert_eq!(digest(&copy), stories().1);
}
