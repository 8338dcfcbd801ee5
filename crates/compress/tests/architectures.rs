//! The battery that every architecture passes: its golden model is compressed with calibration, opens, and computes the same from
//! the container and from its dense export.

mod common;

use common::{Host, temp};
use kerf_compress::Options;
use kerf_kernels::{Compute, Stop};
use kerf_model::evaluate::Runner;
use kerf_model::{Kind, Network, Use};
use kerf_tensors::folder::{FsOutFolder, MemFolder};
use kerf_tensors::formats::{self, ModelInfo, NothingReplaced, Output};
use kerf_tensors::safetensors::{OutTensor, plan_files};
use kerf_tensors::{Catalog, Stored, TensorsError, transpose};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The golden models, and the larger ones of the shared folder where they are.
fn models() -> Vec<PathBuf> {
    let mut models = Vec::new();
    for folder in ["test/golden/model", "../shared/models/shape-fixtures"] {
        match std::fs::read_dir(root().join(folder)) {
            Ok(found) => models.extend(found.map(|entry| entry.unwrap().path())),
            Err(_) => {
                let _ = writeln!(std::io::stderr(), "SKIPPED: {folder} is not there");
            }
        }
    }
    models.sort();
    assert!(models.len() > 15);
    models
}

fn network(catalog: &Catalog) -> Network {
    Network::open(catalog.files.config.as_ref().unwrap(), catalog).unwrap()
}

/// Sequences as long as the model takes, at most 60 tokens.
fn sequences(network: &Network, count: u32) -> Vec<Vec<u32>> {
    let length = network.max_context().min(60) as u32;
    let id =
        |s: u32, i: u32| 2 + (i * 37 + s * 101 + i * i * (s + 3)) % (network.vocab() as u32 - 2);
    (0..count)
        .map(|s| (0..length).map(|i| id(s, i)).collect())
        .collect()
}

fn outputs(catalog: &Catalog, compute: &Compute) -> Vec<f32> {
    let network = network(catalog);
    let mut runner = Runner::new(&network, catalog, compute, 0);
    let ids = &sequences(&network, 1)[0];
    match network.kind() {
        Kind::Decoder => runner.logits(ids).unwrap(),
        Kind::Encoder => runner.hidden_states(ids).unwrap(),
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst, difference| match difference.is_nan() {
        true => f32::INFINITY,
        false => difference.max(worst),
    })
}

/// Writes a container as dense safetensors, as `convert` does.
fn export(catalog: &Catalog, compute: &Compute, out: &Path) -> Catalog {
    let dense = formats::by_id("safetensors").unwrap();
    let model_info = ModelInfo::default();
    let output = Output::plan(
        catalog,
        &model_info,
        dense,
        &NothingReplaced,
        BTreeMap::new(),
        u64::MAX,
        true,
    )
    .unwrap();
    let mut folder = FsOutFolder::create(out).unwrap();
    output
        .write(compute, &mut folder, &mut |_, _| Ok::<(), TensorsError>(()))
        .unwrap();
    kerf_tensors::OutFolder::commit(Box::new(folder)).unwrap();
    Catalog::open_path(out).unwrap()
}

fn battery(folder: &Path) {
    let name = folder.display();
    let compute = Compute::new(None, 2).unwrap();
    let source = Catalog::open_path(folder).unwrap();
    let before = network(&source);
    let root = temp();
    let options = Options {
        sparsity: Some(0.5),
        bits: Some(4),
        group_size: Some(8),
        schedule: Some("uniform".into()),
        ..Options::default()
    };
    let calibration = sequences(&before, 12);
    let stop = Stop::default();
    let mut job =
        common::open_catalog(source.clone(), root.path(), options, calibration, stop).unwrap();
    let report = common::run(&mut job, &mut Host::default()).unwrap();
    let targets: Vec<_> = (0..before.blocks())
        .flat_map(|block| before.linears(block))
        .collect();
    assert_eq!(report.layers.len(), targets.len(), "{name}");
    for layer in &report.layers {
        let error = layer.relative_output_error.unwrap();
        assert!((0.0..1.0).contains(&error), "{name}: {layer:?}");
        assert!((layer.sparsity - 0.5).abs() < 0.01, "{name}: {layer:?}");
        assert_eq!((layer.bits, layer.method.as_str()), (4, "joint"), "{name}");
    }
    let small = Catalog::open_path(&root.path().join("out")).unwrap();
    for target in &targets {
        let entry = small.get(&target.weight).unwrap();
        let Stored::Packed { record, .. } = &entry.stored else {
            panic!("{name}: {} is not compressed", target.weight);
        };
        // Groups run along the inputs, whatever the layout of the source.
        assert_eq!(
            record.shape,
            [target.rows, target.cols],
            "{name}: {}",
            target.weight
        );
        assert_eq!(record.transposed, target.transposed);
    }
    let dense = export(&small, &compute, &root.path().join("dense"));
    let uses = before.uses(&source).unwrap();
    let read = source.tensors.iter().zip(uses);
    let read: Vec<_> = read.filter(|(_, used)| *used != Use::Dead).collect();
    assert_eq!(dense.tensors.len(), read.len(), "{name}");
    for (entry, _) in read {
        let exported = dense.get(&entry.name).unwrap();
        assert_eq!(
            (&exported.shape, exported.dtype),
            (&entry.shape, entry.dtype)
        );
        if matches!(small.get(&entry.name).unwrap().stored, Stored::Plain(_)) {
            let bytes = [dense.read_bytes(exported), source.read_bytes(entry)].map(Result::unwrap);
            assert_eq!(bytes[0], bytes[1], "{name}: {} was to be kept", entry.name);
        }
    }
    let (packed, plain) = (outputs(&small, &compute), outputs(&dense, &compute));
    let worst = distance(&packed, &plain);
    assert!(worst <= 1e-4, "{name}: {worst}");
    assert!(
        distance(&packed, &outputs(&source, &compute)) > 1e-3,
        "{name}: nothing changed"
    );
}

/// gpt2 with its weights stored as [out, in], described in JSON, becomes the same matrices: only the layout differs.
#[test]
fn the_layout_of_the_source_does_not_change_what_is_solved() {
    let compute = Compute::new(None, 2).unwrap();
    let source = Catalog::open_path(&root().join("test/golden/model/gpt2")).unwrap();
    let linears: Vec<_> = (0..2)
        .flat_map(|block| network(&source).linears(block))
        .collect();
    let tensors: Vec<OutTensor> = source
        .tensors
        .iter()
        .map(|entry| {
            let linear = linears.iter().find(|linear| linear.weight == entry.name);
            OutTensor {
                name: entry.name.clone(),
                dtype: entry.dtype,
                shape: match linear {
                    Some(linear) => vec![linear.rows, linear.cols],
                    None => entry.shape.clone(),
                },
            }
        })
        .collect();
    let units: Vec<_> = tensors
        .into_iter()
        .map(|tensor| (vec![tensor], BTreeMap::new()))
        .collect();
    let plan = plan_files("model", "safetensors", &units, &BTreeMap::new(), u64::MAX);
    let mut bytes = plan.files[0].header.clone();
    for tensor in &plan.files[0].tensors {
        let entry = source.get(&tensor.name).unwrap();
        let mut values = source.read_f32(&compute, entry).unwrap();
        if tensor.shape != entry.shape {
            values = transpose(&compute, &values, entry.shape[0], entry.shape[1]);
        } else if linears.iter().any(|linear| linear.weight == entry.name) {
            // A square one.
            values = transpose(&compute, &values, entry.shape[0], entry.shape[0]);
        }
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    let config = source.files.config.as_ref().unwrap().to_string();
    let mut row =
        serde_json::to_value(kerf_model::arch::by_model_type("gpt2", &json!({})).unwrap()).unwrap();
    for linear in row["block"]["linears"].as_array_mut().unwrap() {
        linear["transposed"] = json!(false);
    }
    let folder = MemFolder::new("turned");
    folder.insert("model.safetensors", bytes);
    folder.insert("config.json", config);
    folder.insert("kerf-architecture.json", row.to_string());
    let turned = Catalog::open(Arc::new(folder)).unwrap();
    let compressed = |catalog: &Catalog, root: &Path| {
        let calibration = sequences(&network(&source), 12);
        let options = Options {
            group_size: Some(8),
            ..common::removing()
        };
        let mut job =
            common::open_catalog(catalog.clone(), root, options, calibration, Stop::default())
                .unwrap();
        let report = common::run(&mut job, &mut Host::default()).unwrap();
        (report, Catalog::open_path(&root.join("out")).unwrap())
    };
    let (root, turned_root) = (temp(), temp());
    let (report, small) = compressed(&source, root.path());
    let (turned_report, turned_small) = compressed(&turned, turned_root.path());
    assert_eq!(report.layers, turned_report.layers);
    for linear in &linears {
        let parts = [&small, &turned_small].map(|model| {
            let entry = model.get(&linear.weight).unwrap();
            model.read_encoded(entry).unwrap().parts
        });
        assert!(parts[0] == parts[1], "{}", linear.weight);
    }
}

#[test]
fn every_architecture_is_compressed_opens_and_is_exported() {
    for folder in models() {
        battery(&folder);
    }
}
