//! What the tests share: small models that learn, a host that stops, and what is made of weights.
#![allow(dead_code)]

use kerf_kernels::Compute;
use kerf_model::backward::{Gradients, loss_and_gradients};
use kerf_model::{MemoryWeights, Network};
use kerf_run::{Alone, Event, Host, Step};
use kerf_tensors::folder::MemWorkspace;
use kerf_tensors::{Catalog, Workspace};
use kerf_train::prune::candidates;
use kerf_train::task::Windows;
use kerf_train::{
    AdamW, Curve, Examples, Learned, PruneOptions, Rate, Student, TrainError, TrainOptions, Trainer,
};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn compute(threads: usize) -> Compute {
    Compute::new(None, threads).expect("the best instruction set is there")
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All tensors of a model folder that may learn, in memory.
pub fn open(folder: &Path) -> (Network, MemoryWeights) {
    let catalog = Catalog::open_path(folder).expect("a model");
    let network = Network::of_catalog(&catalog).expect("a network");
    let tensors = catalog.tensors.iter();
    let names = tensors
        .filter(|entry| entry.dtype.is_computable())
        .map(|entry| entry.name.as_str());
    let weights = MemoryWeights::copy_of(&catalog, &compute(1), names).expect("weights");
    (network, weights)
}

/// Windows of numbers below `vocab` in which a number often follows another.
pub fn made_up(count: usize, vocab: u32) -> Windows {
    let mut state = 5u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let window = |at: usize| {
        let mut ids = vec![next() % vocab];
        for _ in 0..6 + at % 7 {
            let last = ids[ids.len() - 1];
            ids.push(match next() % 4 {
                0 => next() % vocab,
                _ => (3 * last + 1) % vocab,
            });
        }
        ids
    };
    Windows((0..count).map(window).collect())
}

/// A tiny decoder that learns made-up windows.
pub fn tiny(name: &str) -> Student {
    let (network, weights) = open(&root().join("test/golden/model").join(name));
    let vocab = network.vocab() as u32;
    student(network, weights, made_up(40, vocab), made_up(9, vocab))
}

/// A model of which all tensors learn.
pub fn student(
    network: Network,
    weights: MemoryWeights,
    examples: impl Examples + 'static,
    held_out: impl Examples + 'static,
) -> Student {
    Student {
        learn: weights.names().map(str::to_owned).collect(),
        candidates: candidates(&network),
        network,
        weights,
        examples: Box::new(examples),
        held_out: Box::new(held_out),
        teacher: None,
    }
}

/// stories260K with windows of the sample text: most to learn from, every fourth to measure on.
pub fn stories() -> Student {
    let folder = root().join("test/fixtures/stories260K");
    let (network, weights) = open(&folder);
    let json = std::fs::read(folder.join("tokenizer.json")).expect("a tokenizer");
    let tokenizer = kerf_text::Tokenizer::from_bytes(&json).expect("a tokenizer");
    let text = std::fs::read_to_string(root().join("test/fixtures/tinystories-sample.txt"));
    let ids = tokenizer
        .encode(&text.expect("a text"), false)
        .expect("ids");
    let windows: Vec<Vec<u32>> = ids.chunks_exact(64).map(<[u32]>::to_vec).collect();
    let (mut learned, mut held) = (Vec::new(), Vec::new());
    for (at, window) in windows.into_iter().enumerate() {
        match at % 4 {
            3 => held.push(window),
            _ => learned.push(window),
        }
    }
    student(network, weights, Windows(learned), Windows(held))
}

/// Options of a short training.
pub fn options(steps: u64, peak: f64) -> TrainOptions {
    TrainOptions {
        epochs: 1.0,
        steps: Some(steps),
        batch: 4,
        accumulate: 1,
        rate: Rate {
            peak,
            end: 0.1,
            warm_up: 0.0,
            curve: Curve::Linear,
        },
        adam: AdamW::default(),
        clip: 1.0,
        seed: 3,
        evaluate_every: 10,
        patience: 0,
        distill: 0.0,
        prune: PruneOptions::default(),
        keep_bytes: 1 << 20,
        checkpoint_seconds: f64::INFINITY,
    }
}

pub fn workspace() -> Arc<dyn Workspace> {
    Arc::new(MemWorkspace::default())
}

fn no_time() -> f64 {
    0.0
}

pub fn trainer(
    compute: &Compute,
    options: &TrainOptions,
    student: Student,
    workspace: &Arc<dyn Workspace>,
) -> Result<Trainer, TrainError> {
    let (options, workspace) = (options.clone(), workspace.clone());
    Trainer::open(
        compute.clone(),
        options,
        student,
        workspace,
        "test",
        no_time,
    )
}

/// Steps until the end, and calls `each` after every one.
pub fn run(trainer: &mut Trainer, mut each: impl FnMut(&Trainer)) -> Result<Learned, TrainError> {
    loop {
        let step = trainer.step(&mut Alone)?;
        each(trainer);
        if let Step::Done(learned) = step {
            return Ok(*learned);
        }
    }
}

/// A host that asks to stop after so many questions.
pub struct Impatient(pub Cell<u32>);

impl Host for Impatient {
    fn event(&mut self, _: Event) {}

    fn cancelled(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

/// All values of some tensors, as bits.
pub fn bits<'n>(weights: &MemoryWeights, names: impl IntoIterator<Item = &'n str>) -> Vec<u32> {
    let values = names
        .into_iter()
        .flat_map(|name| weights.get(name).expect("a tensor of that name"));
    values.map(|value| value.to_bits()).collect()
}

pub fn all_bits(weights: &MemoryWeights) -> Vec<u32> {
    bits(weights, weights.names())
}

/// Mean loss of examples.
pub fn loss_of(network: &Network, weights: &MemoryWeights, examples: &dyn Examples) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for at in 0..examples.count() {
        let (batch, loss) = examples.batch(&[at]);
        let none = &mut Gradients::default();
        let value = loss_and_gradients(network, &compute(2), weights, &batch, &*loss, 0.0, none);
        sum += value.expect("a loss") * loss.count() as f64;
        count += loss.count();
    }
    sum / count as f64
}
