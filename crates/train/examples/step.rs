//! Seconds and peak memory of training steps of a model folder: forward, backward and AdamW. Prints JSON.
//!
//! `cargo run --release -p kerf-train --example step -- FOLDER [SEQUENCES] [TOKENS] [THREADS] [STEPS] [KEPT]`
//!
//! The same work as benches/train/pytorch_step.py. KEPT: megabytes of what the blocks computed that are kept for the way back; all of it
//! without.

use kerf_kernels::Compute;
use kerf_model::backward::{Gradients, Loss, MeanSquare, NextToken, loss_and_gradients_keeping};
use kerf_model::{Batch, MemoryWeights, Network};
use kerf_tensors::Catalog;
use kerf_train::{AdamW, Optimizer, Rule};
use std::time::Instant;

const SETTINGS: AdamW = AdamW {
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-6,
    weight_decay: 0.01,
};

const RULE: Rule = Rule {
    rate: 1e-5,
    decay: true,
    prior: None,
    hold_zeros: false,
};

/// The kernel's high-water mark of this process; 0 where it keeps none.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Sequences of made-up tokens, those of the Python script.
fn batch(sequences: usize, tokens: usize, vocab: usize) -> Batch {
    let id = |text: usize, at: usize| ((text * 7919 + at * 104_729) % vocab) as u32;
    let ids: Vec<Vec<u32>> = (0..sequences)
        .map(|text| (0..tokens).map(|at| id(text, at)).collect())
        .collect();
    Batch::new(&ids)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a model folder")?;
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    let (sequences, tokens, threads) = (number(32)?, number(64)?, number(1)?);
    let (steps, kept) = (number(6)?, number(usize::MAX)?);
    let compute = Compute::new(None, threads).ok_or("no instruction set")?;
    let catalog = Catalog::open_path(std::path::Path::new(&folder))?;
    let network = Network::of_catalog(&catalog)?;
    // What no block, embedding or head reads is no part of the step.
    let names = catalog.tensors.iter().map(|entry| entry.name.as_str());
    let names = names.filter(|name| !name.contains("pooler") && !name.ends_with("position_ids"));
    let mut weights = MemoryWeights::copy_of(&catalog, &compute, names)?;
    let batch = batch(sequences, tokens, network.vocab());
    let wanted = vec![0.1; batch.tokens() * network.hidden()];
    let (square, words) = (
        MeanSquare { wanted: &wanted },
        NextToken::of(&batch, |_| true),
    );
    let loss: &dyn Loss = match network.head() {
        Some(_) => &words,
        None => &square,
    };
    let mut gradients = Gradients::zeros(&weights, weights.names())?;
    let mut optimizer = Optimizer::new(SETTINGS, &weights, weights.names())?;
    let keep = (kept as u64).saturating_mul(1 << 20);
    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let begun = Instant::now();
        gradients.clear();
        let own = &mut gradients;
        losses.push(loss_and_gradients_keeping(
            &network, &compute, &weights, &batch, loss, 1.0, own, keep,
        )?);
        optimizer.step(&compute, &mut weights, &gradients, 1.0, |_| RULE)?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let report = serde_json::json!({
        "seconds": seconds,
        "losses": losses,
        "peakBytes": peak_bytes(),
        "isa": compute.kernels.isa().id(),
    });
    println!("{report}");
    Ok(())
}
