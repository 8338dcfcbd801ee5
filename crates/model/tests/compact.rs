//! Models that run from codes, against the same models decoded.

mod common;

use common::*;
use kerf_kernels::{CompactMatrix, Compute};
use kerf_model::evaluate::Runner;
use kerf_model::generate::{Sampling, generate};
use kerf_model::{ModelError, Network, WeightSource};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

/// Largest difference of logits, relative to the largest of them: sums in another order, in f32.
const APART: f32 = 1e-5;

/// A model whose matrices are codes with a scale a row, and which of them were read as values.
struct Coded {
    values: Memory,
    codes: BTreeMap<String, (Vec<i8>, Vec<f32>)>,
    /// What has no form that runs.
    without: &'static str,
    read: Mutex<Vec<String>>,
}

impl Coded {
    /// `every`: one code in so many is not 0.
    fn new(mut values: Memory, bits: u32, every: usize, without: &'static str) -> Self {
        let mut codes = BTreeMap::new();
        let most = ((1 << (bits - 1)) - 1) as f32;
        for (name, (shape, values)) in &mut values.tensors {
            let &[_, cols] = &shape[..] else { continue };
            let (mut all, mut scales) = (Vec::new(), Vec::new());
            for (at, row) in values.chunks_exact_mut(cols).enumerate() {
                let scale = row.iter().fold(0.0f32, |most, w| most.max(w.abs())) / most;
                for (col, value) in row.iter_mut().enumerate() {
                    let code = match (at + col) % every {
                        0 => (*value / scale).round() as i8,
                        _ => 0,
                    };
                    all.push(code);
                    *value = f32::from(code) * scale;
                }
                scales.push(scale);
            }
            codes.insert(name.clone(), (all, scales));
        }
        Self {
            values,
            codes,
            without,
            read: Mutex::default(),
        }
    }

    /// Matrices that were read as values since the last call.
    fn taken(&self) -> Vec<String> {
        let mut read = std::mem::take(&mut *self.read.lock().unwrap());
        read.retain(|name| self.codes.contains_key(name));
        read
    }
}

impl WeightSource for Coded {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.values.shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        self.read.lock().unwrap().push(name.into());
        self.values.read(compute, name)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        self.values.read_rows(compute, name, rows)
    }

    fn compact(&self, compute: &Compute, name: &str) -> Result<Option<CompactMatrix>, ModelError> {
        if !self.without.is_empty() && name.contains(self.without) {
            return Ok(None);
        }
        let found = self.codes.get(name).map(|(codes, scales)| {
            let shape = &self.values.tensors[name].0;
            CompactMatrix::from_codes(compute, (shape[0], shape[1]), 0, codes, scales)
        });
        Ok(found.flatten())
    }
}

fn check(weights: &Coded, config: &serde_json::Value) {
    let mut config = config.clone();
    config["eos_token_id"] = json!(null);
    let network = Network::open(&config, weights).unwrap();
    let compute = compute();
    let mut decoded = Runner::new(&network, weights, &compute, 1 << 20);
    let mut compact = Runner::new(&network, weights, &compute, 1 << 20).with_compact();
    for tokens in [1, 3, 8, 9, 150] {
        let ids = some_ids(tokens, 50);
        let (a, b) = (decoded.logits(&ids).unwrap(), compact.logits(&ids).unwrap());
        let largest = a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let apart = distance(&a, &b) / largest;
        assert!(apart <= APART, "{tokens} tokens: {apart}");
    }
    let prompt = some_ids(7, 50);
    let write = |runner: &mut Runner<'_>| {
        generate(runner, &prompt, 30, Sampling::default(), &mut |_| true).unwrap()
    };
    let text = write(&mut decoded);
    assert_eq!(text.len(), 30);
    assert_eq!(text, write(&mut compact));
}

#[test]
fn logits_and_texts_are_those_of_the_decoded_model() {
    for (bits, every) in [(4, 1), (8, 1), (4, 3), (8, 4)] {
        let (config, weights) = small_llama();
        check(&Coded::new(weights, bits, every, ""), &config);
    }
}

#[test]
fn no_matrix_that_runs_as_stored_is_decoded() {
    let (config, weights) = small_llama();
    let weights = Coded::new(weights, 4, 1, "");
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let mut runner = Runner::new(&network, &weights, &compute, 1 << 20).with_compact();
    runner.logits(&some_ids(3, 50)).unwrap();
    assert_eq!(weights.taken(), [""; 0]);
    let mut decoded = Runner::new(&network, &weights, &compute, 1 << 20);
    decoded.logits(&some_ids(3, 50)).unwrap();
    assert!(weights.taken().len() > 10);
    assert!(runner.kept_bytes() < decoded.kept_bytes());
}

#[test]
fn layers_beside_one_that_has_no_such_form_run_decoded() {
    let (config, weights) = small_llama();
    let weights = Coded::new(weights, 4, 1, "0.self_attn.k_proj");
    check(&weights, &config);
    weights.taken();
    let network = Network::open(&config, &weights).unwrap();
    let compute = compute();
    let mut runner = Runner::new(&network, &weights, &compute, 1 << 20).with_compact();
    runner.logits(&some_ids(3, 50)).unwrap();
    let stack = ["q", "k", "v"].map(|of| format!("model.layers.0.self_attn.{of}_proj.weight"));
    assert_eq!(weights.taken(), stack);
}
