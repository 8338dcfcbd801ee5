//! What the tests share: models on disk, their reference values, and weights made in memory.
#![allow(dead_code)]

pub mod rows;

use kerf_kernels::Compute;
use kerf_model::{ModelError, Network, WeightSource};
use kerf_tensors::{Catalog, TensorsError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The machine with two threads.
pub fn compute() -> Compute {
    Compute::new(None, 2).expect("the best instruction set is there")
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A path in the shared folder beside the repository; says so and gives `None` if it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let full = root().join("../shared").join(path);
    if full.exists() {
        return Some(full);
    }
    // Not println: the test harness would keep it to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: ../shared/{path} is not there");
    None
}

/// A model folder of test/golden/model.
pub fn golden(name: &str) -> PathBuf {
    root().join("test/golden/model").join(name)
}

/// All model folders of test/golden/model that have one reference: what transformers computes.
pub fn goldens() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("test/golden/model")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|folder| folder.unwrap().path()).collect();
    // The rope cases are many configurations of one model.
    folders.retain(|folder| !folder.ends_with("llama-rope"));
    folders.sort();
    assert!(folders.len() > 15);
    folders
}

/// A model with its network.
pub struct Model {
    pub catalog: Catalog,
    pub network: Network,
}

impl Model {
    pub fn open(folder: &Path) -> Self {
        let catalog = Catalog::open_path(folder).unwrap();
        let config = catalog.files.config.clone().expect("a config.json");
        let network = Network::open(&config, &catalog).unwrap();
        Self { catalog, network }
    }
}

/// The tensors of reference.safetensors in a model folder.
pub struct Reference {
    catalog: Catalog,
}

impl Reference {
    pub fn open(folder: &Path) -> Self {
        let catalog = Catalog::open_path(&folder.join("reference.safetensors")).unwrap();
        Self { catalog }
    }

    /// A file of reference values, and the model that its metadata names.
    pub fn of_file(path: &Path) -> (Self, String) {
        let catalog = Catalog::open_path(path).unwrap();
        let model = catalog.metadata["model"].clone();
        (Self { catalog }, model)
    }

    /// Sequences of token ids.
    pub fn ids(&self) -> Vec<Vec<u32>> {
        let entry = self.catalog.get("input_ids").unwrap();
        let bytes = self.catalog.read_bytes(entry).unwrap();
        let ids: Vec<u32> = bytes
            .chunks_exact(8)
            .map(|id| i64::from_le_bytes(id.try_into().unwrap()) as u32)
            .collect();
        ids.chunks(entry.shape[1]).map(<[u32]>::to_vec).collect()
    }

    /// Types of all tokens, if the reference has them.
    pub fn types(&self) -> Option<Vec<usize>> {
        let entry = self.catalog.get("token_type_ids").ok()?;
        let bytes = self.catalog.read_bytes(entry).unwrap();
        let types = bytes.chunks_exact(8);
        Some(types.map(|kind| usize::from(kind[0])).collect())
    }

    pub fn values(&self, name: &str) -> Vec<f32> {
        let entry = self.catalog.get(name).unwrap();
        self.catalog.read_f32(&compute(), entry).unwrap()
    }
}

/// Largest absolute difference.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst, difference| {
        if difference > worst || difference.is_nan() {
            difference
        } else {
            worst
        }
    })
}

/// Weights in memory.
#[derive(Clone, Default)]
pub struct Memory {
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Memory {
    /// Adds a tensor of values that repeat nothing obvious, about `scale` in size.
    pub fn add(&mut self, name: &str, shape: &[usize], offset: f32, scale: f32) {
        let seed = name
            .bytes()
            .fold(17u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        let mut state = seed;
        let values = (0..shape.iter().product()).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            offset + scale * ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        });
        self.tensors
            .insert(name.to_string(), (shape.to_vec(), values.collect()));
    }
}

impl WeightSource for Memory {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|tensor| tensor.0.clone())
    }

    fn read(&self, _: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        let missing = || TensorsError::TensorMissing {
            tensor: name.into(),
        };
        Ok(self.tensors.get(name).ok_or_else(missing)?.1.clone())
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        let cols = self.tensors[name].0[1];
        Ok(self.read(compute, name)?[rows.start * cols..rows.end * cols].to_vec())
    }
}

/// A small llama: configuration and weights. Two blocks, four query heads over two key heads of width 6, gated MLP of 20.
pub fn small_llama() -> (Value, Memory) {
    let config = json!({
        "model_type": "llama", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 20, "vocab_size": 50,
        "max_position_embeddings": 400, "rms_norm_eps": 1e-5, "tie_word_embeddings": false,
        "bos_token_id": 1, "eos_token_id": [2, 3],
    });
    let mut weights = Memory::default();
    weights.add("model.embed_tokens.weight", &[50, 16], 0.0, 1.0);
    weights.add("lm_head.weight", &[50, 16], 0.0, 1.0);
    weights.add("model.norm.weight", &[16], 1.0, 0.2);
    for block in 0..2 {
        let name = |stem: &str| format!("model.layers.{block}.{stem}.weight");
        for (stem, rows, cols) in [
            ("self_attn.q_proj", 24, 16),
            ("self_attn.k_proj", 12, 16),
            ("self_attn.v_proj", 12, 16),
            ("self_attn.o_proj", 16, 24),
            ("mlp.gate_proj", 20, 16),
            ("mlp.up_proj", 20, 16),
            ("mlp.down_proj", 16, 20),
        ] {
            weights.add(&name(stem), &[rows, cols], 0.0, 0.6);
        }
        weights.add(&name("input_layernorm"), &[16], 1.0, 0.2);
        weights.add(&name("post_attention_layernorm"), &[16], 1.0, 0.2);
    }
    (config, weights)
}

/// The llama of [`small_llama`] with all but about 30 % of each linear layer set to `pruned`.
pub fn pruned_llama(pruned: f32) -> (Value, Memory) {
    let (config, mut weights) = small_llama();
    for (name, (_, values)) in &mut weights.tensors {
        if name.contains("_proj") {
            let small = values.iter_mut().filter(|value| value.abs() < 0.42);
            small.for_each(|value| *value = pruned);
        }
    }
    (config, weights)
}

/// Token ids that do not repeat soon.
pub fn some_ids(count: usize, vocab: usize) -> Vec<u32> {
    (0..count)
        .map(|index| ((index * index * 7 + index * 3 + 4) % vocab) as u32)
        .collect()
}
