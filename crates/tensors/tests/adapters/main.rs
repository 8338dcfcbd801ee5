//! LoRA adapters beside a model, against PEFT's merge_and_unload, and what cannot be merged.

#[path = "../common/mod.rs"]
mod common;
mod refused;
mod results;

use common::{Body, Shape, compute, encode, matrix};
use kerf_tensors::folder::{MemFolder, MemOutFolder};
use kerf_tensors::formats::{ModelInfo, NothingReplaced, Output, by_id};
use kerf_tensors::{Catalog, DType, OutFolder, Stored, TensorsError};
use safetensors::tensor::{Dtype, SafeTensors, View, serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/adapter")
}

/// Names of all cases.
fn cases() -> Vec<String> {
    let folders = std::fs::read_dir(golden().join("case")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(names.len() > 15);
    names
}

fn reference(case: &str) -> Catalog {
    Catalog::open_path(&golden().join(format!("reference/{case}.safetensors"))).unwrap()
}

/// The files of a case: the model, and the adapter beside it.
fn files(case: &str) -> BTreeMap<String, Vec<u8>> {
    let model = &reference(case).metadata["model"];
    let folders = [format!("model/{model}"), format!("case/{case}")];
    let folders = folders.map(|folder| std::fs::read_dir(golden().join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(Result::unwrap);
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect()
}

fn open(files: &BTreeMap<String, Vec<u8>>) -> Result<Catalog, TensorsError> {
    let folder = MemFolder::new("model");
    for (name, bytes) in files {
        folder.insert(name, bytes.clone());
    }
    Catalog::open(Arc::new(folder))
}

/// The case with another configuration of the adapter.
fn configured(case: &str, edit: impl FnOnce(&mut Value)) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(case);
    let mut config = serde_json::from_slice(&files[CONFIG]).unwrap();
    edit(&mut config);
    files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    files
}

/// One tensor to be written.
#[derive(Clone)]
struct Tensor {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

type Tensors = BTreeMap<String, Tensor>;
type Edit<'a> = &'a dyn Fn(&mut Tensors);

/// The case with other tensors in the file of the adapter.
fn rewritten(case: &str, edit: impl FnOnce(&mut Tensors)) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(case);
    let read = SafeTensors::deserialize(&files[WEIGHTS]).unwrap();
    let mut tensors: Tensors = read
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let (shape, bytes) = (view.shape().to_vec(), view.data().to_vec());
            let dtype = view.dtype();
            (
                name,
                Tensor {
                    shape,
                    dtype,
                    bytes,
                },
            )
        })
        .collect();
    edit(&mut tensors);
    files.insert(WEIGHTS.into(), serialize(tensors, None).unwrap());
    files
}

fn renamed(case: &str, rename: impl Fn(&str) -> String) -> BTreeMap<String, Vec<u8>> {
    rewritten(case, |tensors| {
        let old = std::mem::take(tensors);
        tensors.extend(
            old.into_iter()
                .map(|(name, tensor)| (rename(&name), tensor)),
        );
    })
}

/// The same model in another form.
fn written(catalog: &Catalog, format: &str) -> Result<Catalog, TensorsError> {
    let (model_info, format) = (ModelInfo::default(), by_id(format).unwrap());
    let (none, limit) = (BTreeMap::new(), 1 << 30);
    let output = Output::plan(
        catalog,
        &model_info,
        format,
        &NothingReplaced,
        none,
        limit,
        false,
    )?;
    let folder = MemFolder::new("out");
    let mut out = Box::new(MemOutFolder::create(&folder)?);
    output.write::<TensorsError>(&compute(2), out.as_mut(), &mut |_, _| Ok(()))?;
    out.commit()?;
    Catalog::open(Arc::new(folder))
}

/// Values of all tensors.
fn values(catalog: &Catalog) -> BTreeMap<String, Vec<f32>> {
    let value = |entry: &kerf_tensors::TensorEntry| {
        let values = catalog.read_f32(&compute(2), entry).unwrap();
        (entry.name.clone(), values)
    };
    catalog.tensors.iter().map(value).collect()
}

fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + b.abs()))
}

#[test]
fn merged_weights_are_those_of_peft() {
    let mut checked = 0;
    for case in cases() {
        let (catalog, reference) = (open(&files(&case)).unwrap(), reference(&case));
        let mut plain = files(&case);
        plain.retain(|name, _| !name.starts_with("adapter"));
        let plain = open(&plain).unwrap();
        let expected: Vec<_> = reference
            .tensors
            .iter()
            .filter_map(|entry| Some((entry.name.strip_prefix("merged.")?, entry)))
            // A head of its own, which only the network can know of, is a matter of its tests.
            .filter(|(name, _)| case != "tied-table-whole" || *name != "lm_head.weight")
            .collect();
        if expected.is_empty() {
            continue;
        }
        // PEFT rounds twice where the model is narrow: to its type, and after the sum again.
        let tolerance = if case == "bf16" { 1e-2 } else { 1e-6 };
        for (name, entry) in &expected {
            let entry = reference.read_f32(&compute(1), entry).unwrap();
            let ours = catalog.get(name).unwrap();
            let ours = catalog.read_f32(&compute(1), ours).unwrap();
            assert!(
                close(&ours, &entry, tolerance),
                "{case}: {name}: {ours:?} {entry:?}"
            );
        }
        // And nothing else changed.
        for entry in &catalog.tensors {
            if expected.iter().all(|(name, _)| *name != entry.name) {
                let was = plain.get(&entry.name).unwrap();
                assert_eq!(was.stored, entry.stored, "{case}: {}", entry.name);
            }
        }
        checked += expected.len();
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn every_way_of_reading_gives_merged_values() {
    for case in ["embeddings", "conv1d", "bf16"] {
        let catalog = open(&files(case)).unwrap();
        let mut merged = 0;
        for entry in &catalog.tensors {
            let Stored::Merged(_) = &entry.stored else {
                continue;
            };
            merged += 1;
            let expected = catalog.read_f32(&compute(1), entry).unwrap();
            let mut finite = vec![7.0; 3];
            catalog
                .read_finite_into(&compute(3), entry, &mut finite)
                .unwrap();
            assert_eq!(finite, expected);
            let (rows, cols) = (entry.shape[0], entry.shape[1]);
            for range in [0..rows, 0..1, rows - 1..rows, 1..rows, 3..3] {
                let some = catalog
                    .read_rows_f32(&compute(2), entry, range.clone())
                    .unwrap();
                assert_eq!(some, expected[range.start * cols..range.end * cols]);
            }
            assert_eq!(catalog.read_bytes(entry).unwrap_err().code(), "WRONG_DTYPE");
            assert!(catalog.read_matrix(&compute(1), entry).is_err());
        }
        assert!(merged > 3);
    }
}

/// Random numbers of a tensor.
fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut random = common::Random(seed);
    let values = (0..shape.iter().product()).map(|_| random.next() as i32 as f32 / 1e10);
    Tensor {
        shape: shape.to_vec(),
        dtype: Dtype::F32,
        bytes: values.flat_map(f32::to_le_bytes).collect(),
    }
}

/// A row is the same however it is read, and on any number of threads; the plain sum is near.
#[test]
fn rows_of_a_large_matrix_are_those_of_the_whole() {
    let (outputs, inputs, rank) = (601, 520, 20);
    for shape in [[outputs, inputs], [inputs, outputs]] {
        let model = [("m.w.weight", random(&shape, 1))];
        let (a, b) = (random(&[rank, inputs], 2), random(&[outputs, rank], 3));
        let adapter = [
            ("m.w.lora_A.weight", a.clone()),
            ("m.w.lora_B.weight", b.clone()),
        ];
        let config = json!({"peft_type": "LORA", "r": rank, "lora_alpha": 50});
        let files = BTreeMap::from([
            (
                "model.safetensors".to_owned(),
                serialize(model.clone(), None).unwrap(),
            ),
            (WEIGHTS.to_owned(), serialize(adapter, None).unwrap()),
            (CONFIG.to_owned(), serde_json::to_vec(&config).unwrap()),
        ]);
        let catalog = open(&files).unwrap();
        let entry = catalog.get("m.w.weight").unwrap();
        for compute in [common::portable(), compute(1)] {
            let whole = catalog.read_f32(&compute, entry).unwrap();
            for range in [0..1, 7..8, 31..33, 100..107, 255..520, 64..96, 519..520] {
                let some = catalog
                    .read_rows_f32(&compute, entry, range.clone())
                    .unwrap();
                let expected = &whole[range.start * shape[1]..range.end * shape[1]];
                assert!(some == expected, "{range:?}");
            }
        }
        let whole = catalog.read_f32(&compute(1), entry).unwrap();
        for threads in [2, 5] {
            assert_eq!(catalog.read_f32(&compute(threads), entry).unwrap(), whole);
        }
        let numbers = |tensor: &Tensor| -> Vec<f64> {
            let numbers = tensor.bytes.chunks_exact(4);
            let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap()).into();
            numbers.map(number).collect()
        };
        let (w, a, b) = (numbers(&model[0].1), numbers(&a), numbers(&b));
        for at in (0..w.len()).step_by(97) {
            let (row, col) = (at / shape[1], at % shape[1]);
            let (output, input) = if shape[0] == outputs {
                (row, col)
            } else {
                (col, row)
            };
            let sum: f64 = (0..rank)
                .map(|k| b[output * rank + k] * a[k * inputs + input])
                .sum();
            let expected = w[at] + 50.0 / rank as f64 * sum;
            assert!((f64::from(whole[at]) - expected).abs() < 1e-6, "{at}");
        }
    }
}

#[test]
fn digests_are_of_model_and_adapter() {
    let digest = |files: &BTreeMap<String, Vec<u8>>| {
        let catalog = open(files).unwrap();
        let entry = catalog
            .get("model.layers.0.self_attn.q_proj.weight")
            .unwrap();
        let values = catalog.read_f32(&compute(1), entry).unwrap();
        (
            catalog.source_digest(entry, &values).unwrap(),
            catalog.fingerprint().unwrap(),
        )
    };
    let own = digest(&files("plain"));
    assert!(own.0.starts_with("blake3:"));
    assert_eq!(digest(&files("plain")), own);
    let louder = configured("plain", |config| config["lora_alpha"] = json!(7));
    let other = rewritten("plain", |tensors| {
        for tensor in tensors.values_mut() {
            tensor.bytes[2] ^= 1;
        }
    });
    for changed in [louder, other] {
        let changed = digest(&changed);
        assert_ne!(changed.0, own.0);
        assert_ne!(changed.1, own.1);
    }
}

#[test]
fn what_the_folder_says_is_told() {
    let catalog = open(&files("whole-modules")).unwrap();
    let notes = catalog.files.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("for 2 matrices, and 7 tensors in place"),
        "{notes:?}"
    );
    let untied = open(&files("tied-both")).unwrap();
    let config = untied.folder.read("config.json").unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["tie_word_embeddings"], json!(false));
    assert_eq!(untied.files.config.as_ref(), Some(&config));
    assert_eq!(untied.files.notes().len(), 2);
    for kept in ["kept-tied", "kept-tied-whole"] {
        let kept = open(&files(kept)).unwrap();
        assert!(!kept.contains("lm_head.weight"));
        assert_eq!(
            kept.files.config.unwrap()["tie_word_embeddings"],
            json!(true)
        );
    }
}

#[test]
fn weights_that_are_not_finite_are_found_where_they_are_merged() {
    let name = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight";
    let files = rewritten("plain", |tensors| {
        tensors.get_mut(name).unwrap().bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let catalog = open(&files).unwrap();
    let entry = catalog
        .get("model.layers.1.self_attn.v_proj.weight")
        .unwrap();
    let error = catalog.read_finite_into(&compute(1), entry, &mut Vec::new());
    assert_eq!(error.unwrap_err().code(), "NON_FINITE");
    let error = written(&catalog, "safetensors").unwrap_err();
    assert_eq!(error.code(), "NON_FINITE");
}

/// The name of a file of weights means the model with its adapter, as its folder does.
#[test]
fn a_path_to_the_file_is_the_model_with_its_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let files = files("plain");
    for (name, bytes) in &files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let by_file = Catalog::open_path(&folder.path().join("model.safetensors")).unwrap();
    assert_eq!(values(&by_file), values(&open(&files).unwrap()));
    let alone = Catalog::open_path(&folder.path().join(WEIGHTS)).unwrap_err();
    assert_eq!(alone.code(), "NOT_A_MODEL");
}
