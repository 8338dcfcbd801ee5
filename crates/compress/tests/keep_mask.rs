//! `keepMask`: a model that was pruned before keeps its zeros through whole jobs.

mod common;

use common::{Host, temp};
use kerf_compress::options::rules::{Match, Rule};
use kerf_compress::{Options, Report, methods};
use kerf_kernels::{Compute, Stop};
use kerf_model::Network;
use kerf_tensors::{Catalog, Mask};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../test/golden/model/{name}"))
}

/// Compresses with sequences that the model takes.
fn compress(model: &Path, root: &Path, options: Options) -> Report {
    let catalog = Catalog::open_path(model).unwrap();
    let network = Network::open(catalog.files.config.as_ref().unwrap(), &catalog).unwrap();
    let length = network.max_context().min(60) as u32;
    let id = |s: u32, i: u32| 2 + (i * 37 + s * 101 + i * i) % (network.vocab() as u32 - 2);
    let sequences = (0..8).map(|s| (0..length).map(|i| id(s, i)).collect());
    let job = common::open_catalog(catalog, root, options, sequences.collect(), Stop::default());
    common::run(&mut job.unwrap(), &mut Host::default()).unwrap()
}

/// The model, dense, with weights removed by magnitude.
fn pruned(model: &Path, root: &Path, pattern: &str, sparsity: Option<f64>) -> PathBuf {
    let options = Options {
        method: Some("magnitude".into()),
        bits: Some(16),
        embedding_bits: Some(16),
        format: "safetensors".into(),
        pattern: Some(pattern.into()),
        sparsity,
        ..Options::default()
    };
    compress(model, root, options);
    root.join("out")
}

fn keeping(method: Option<&str>) -> Options {
    Options {
        keep_mask: true,
        bits: Some(4),
        group_size: Some(16),
        method: method.map(Into::into),
        ..Options::default()
    }
}

/// Weights of a matrix that are not zero, as the file of a model has them.
fn support(model: &Path, name: &str) -> Mask {
    let (catalog, compute) = (
        Catalog::open_path(model).unwrap(),
        Compute::new(None, 1).unwrap(),
    );
    let entry = catalog.get(name).unwrap();
    let w = catalog.read_f32(&compute, entry).unwrap();
    Mask::of_weights(entry.shape[0], entry.shape[1], &w)
}

fn share_of_zeros(mask: &Mask) -> f64 {
    1.0 - mask.count() as f64 / (mask.rows * mask.cols) as f64
}

/// Whether every weight of `inner` is one of `outer`.
fn is_within(inner: &Mask, outer: &Mask) -> bool {
    let mut bits = inner.bits.iter().zip(&outer.bits);
    bits.all(|(inner, outer)| inner & !outer == 0)
}

#[test]
fn zeros_of_the_source_stay_whatever_solves_also_where_it_is_transposed() {
    for (model, pattern, sparsity) in [
        ("gpt2", "unstructured", Some(0.6)),
        ("llama-rope", "2:4", None),
    ] {
        let source = temp();
        let source = pruned(&golden(model), source.path(), pattern, sparsity);
        let ids = methods::table().iter().filter(|row| !row.chooses_rate());
        for method in ids.map(|row| Some(row.id())).chain([None]) {
            for bits in [4, 16] {
                let root = temp();
                let options = Options {
                    bits: Some(bits),
                    ..keeping(method)
                };
                let report = compress(&source, root.path(), options);
                assert!(!report.layers.is_empty());
                for layer in &report.layers {
                    let what = format!("{model} {method:?} {bits}: {layer:?}");
                    let before = support(&source, &layer.name);
                    let after = support(&root.path().join("out"), &layer.name);
                    assert!(is_within(&after, &before), "{what}");
                    assert!(share_of_zeros(&before) > 0.3, "{what}");
                    assert_eq!(layer.sparsity, share_of_zeros(&before), "{what}");
                    assert_eq!(layer.method, method.unwrap_or("joint"), "{what}");
                    // Floats are not rounded to zero.
                    assert!(bits == 4 || after == before, "{what}");
                }
                assert!((report.sparsity - sparsity.unwrap_or(0.5)).abs() < 0.01);
                let told = report.notes.iter().any(|note| note.contains("zeros that"));
                assert!(told, "{:?}", report.notes);
            }
        }
    }
}

#[test]
fn a_model_without_zeros_is_told_that_nothing_was_kept_and_comes_out_as_without_the_option() {
    let (with, without) = (temp(), temp());
    let options = keeping(Some("descent"));
    let report = compress(&golden("llama-rope"), with.path(), options.clone());
    let nothing = |report: &Report| {
        let mut notes = report.notes.iter();
        notes.any(|note| note.contains("`keepMask` changed nothing"))
    };
    assert!(nothing(&report) && report.sparsity == 0.0);
    let options = Options {
        keep_mask: false,
        schedule: Some("uniform".into()),
        ..options
    };
    let other = compress(&golden("llama-rope"), without.path(), options);
    assert!(!nothing(&other));
    assert_eq!(report.layers, other.layers);
}

#[test]
fn a_rule_that_says_what_is_removed_decides_alone_and_others_keep() {
    let (source, root) = (temp(), temp());
    let source = pruned(
        &golden("llama-rope"),
        source.path(),
        "unstructured",
        Some(0.6),
    );
    let rule = |name: &str| Rule {
        matches: Match::Name(name.into()),
        ..Rule::default()
    };
    let rules = vec![
        Rule {
            sparsity: Some(0.9),
            ..rule("*.q_proj.weight")
        },
        Rule {
            method: Some("rtn".into()),
            ..rule("*.k_proj.weight")
        },
        Rule {
            bits: Some(8),
            ..rule("*.v_proj.weight")
        },
    ];
    let options = Options {
        rules,
        ..keeping(None)
    };
    let report = compress(&source, root.path(), options);
    let mut ruled = 0;
    for layer in &report.layers {
        let before = share_of_zeros(&support(&source, &layer.name));
        let expected = match layer.name.contains("q_proj") {
            true => 0.9,
            false => before,
        };
        ruled += usize::from(layer.sparsity != before);
        assert!((layer.sparsity - expected).abs() < 0.01, "{layer:?}");
        assert!(
            expected == 0.9 || layer.sparsity == before,
            "{layer:?} {before}"
        );
    }
    assert!(ruled > 0 && ruled < report.layers.len());
}
