//! What a training is planned to take, against what it allocates.

mod common;

use common::*;
use kerf_model::{MemoryWeights, Network};
use kerf_tensors::folder::FsWorkspace;
use kerf_train::memory::{Training, peak_bytes};
use kerf_train::prune::{Pruner, table};
use kerf_train::{PruneOptions, TrainOptions};
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts bytes that are in use, and the most that ever were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn add(size: usize) {
    let used = USED.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(used, Ordering::Relaxed);
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Most bytes that `work` had in use at once beside those before it.
fn peak(work: impl FnOnce()) -> usize {
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// A decoder of 2.6 million weights.
fn model() -> (Network, MemoryWeights) {
    let (hidden, wide, vocab, blocks) = (192, 512, 3000, 4);
    let config = json!({
        "model_type": "llama", "hidden_size": hidden, "intermediate_size": wide, "num_hidden_layers": blocks, "num_attention_heads": 6,
        "num_key_value_heads": 3, "vocab_size": vocab, "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": true, "hidden_act": "silu",
    });
    let mut weights = MemoryWeights::new();
    let mut add = |name: String, shape: Vec<usize>| {
        let count = shape.iter().product();
        let value = |at: usize| ((at * 7919 % 1013) as f32 / 1013.0 - 0.5) * 0.1;
        let values = match shape.len() {
            1 => vec![1.0; count],
            _ => (0..count).map(value).collect(),
        };
        weights
            .insert(&name, shape, values)
            .expect("a shape that fits");
    };
    add("model.embed_tokens.weight".into(), vec![vocab, hidden]);
    add("model.norm.weight".into(), vec![hidden]);
    for block in 0..blocks {
        let name = |end: &str| format!("model.layers.{block}.{end}.weight");
        add(name("input_layernorm"), vec![hidden]);
        add(name("post_attention_layernorm"), vec![hidden]);
        add(name("self_attn.q_proj"), vec![hidden, hidden]);
        add(name("self_attn.k_proj"), vec![hidden / 2, hidden]);
        add(name("self_attn.v_proj"), vec![hidden / 2, hidden]);
        add(name("self_attn.o_proj"), vec![hidden, hidden]);
        add(name("mlp.gate_proj"), vec![wide, hidden]);
        add(name("mlp.up_proj"), vec![wide, hidden]);
        add(name("mlp.down_proj"), vec![hidden, wide]);
    }
    (Network::open(&config, &weights).expect("a llama"), weights)
}

struct Case {
    row: &'static dyn Pruner,
    batch: usize,
    keep_bytes: u64,
    teaches: bool,
}

impl Case {
    /// What a training allocates, its weights included, and what is planned. Windows have 32 tokens.
    fn measured_and_planned(&self) -> (usize, u64) {
        let options = TrainOptions {
            batch: self.batch,
            keep_bytes: self.keep_bytes,
            distill: if self.teaches { 0.5 } else { 0.0 },
            evaluate_every: 2,
            prune: PruneOptions {
                pruner: self.row,
                sparsity: if self.row.prunes() { 0.5 } else { 0.0 },
                start: 0.3,
                end: 0.6,
                every: 1,
                ..PruneOptions::default()
            },
            checkpoint_seconds: 0.0,
            ..options(3, 1e-4)
        };
        let windows = || {
            let window = |at: usize| {
                (0..32)
                    .map(|place| ((at * 37 + place * 5) % 3000) as u32)
                    .collect()
            };
            kerf_train::task::Windows((0..2 * self.batch).map(window).collect())
        };
        let folder = tempfile::tempdir().expect("a folder");
        let workspace: Arc<dyn kerf_tensors::Workspace> =
            Arc::new(FsWorkspace::open(&folder.path().join("work")).expect("a work folder"));
        let compute = compute(2);
        let (network, values) = model();
        let training = Training {
            weights: values
                .names()
                .map(|name| values.get(name).unwrap().len() as u64)
                .sum(),
            learned: values
                .names()
                .map(|name| values.get(name).unwrap().len() as u64)
                .sum(),
            tokens: 32 * self.batch,
            teaches: self.teaches,
        };
        let planned = peak_bytes(&network, &training, &options);
        let teacher: Arc<dyn kerf_model::WeightSource> = Arc::new(model().1);
        drop((network, values));
        let measured = peak(|| {
            let (network, values) = model();
            let mut student = student(network.clone(), values, windows(), windows());
            student.teacher = self.teaches.then_some((network, teacher));
            let mut trainer = trainer(&compute, &options, student, &workspace).expect("opened");
            run(&mut trainer, |_| {}).expect("a training");
        });
        (measured, planned)
    }
}

/// One test, since all threads of a process share the counters.
#[test]
fn a_training_takes_what_is_planned() {
    // Panels, packed operands and histograms of the workers: of a fixed size. A process has far more as its base.
    let workers = 4 << 20;
    let mut cases = Vec::new();
    for row in table() {
        cases.push((*row, 8, 0, false));
    }
    let dense = kerf_train::prune::by_id("dense").expect("a row");
    for (batch, keep_bytes, teaches) in [
        (24, 0, false),
        (24, 1 << 30, false),
        (16, 0, true),
        (24, 20 << 20, true),
    ] {
        cases.push((dense, batch, keep_bytes, teaches));
    }
    for (row, batch, keep_bytes, teaches) in cases {
        let case = Case {
            row,
            batch,
            keep_bytes,
            teaches,
        };
        let (measured, planned) = case.measured_and_planned();
        let name = format!(
            "{}, batch {batch}, {keep_bytes} kept, teacher {teaches}",
            row.id()
        );
        println!("{name}: {measured} bytes of {planned}");
        let (measured, planned) = (measured as f64, planned as f64);
        assert!(
            measured <= planned + f64::from(workers),
            "{name}: {measured} of {planned}"
        );
        let most = 1.5 * measured + f64::from(workers);
        assert!(planned <= most, "{name}: {planned} for {measured}");
    }
}
