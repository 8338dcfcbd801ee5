//! Seconds of a step (forward and backward) of a model folder, beside a forward pass of the same batch.
//!
//! `cargo run --release -p kerf-model --features train --example backward -- FOLDER [SEQUENCES] [TOKENS] [THREADS]`

use kerf_kernels::Compute;
use kerf_model::backward::{
    Gradients, Loss, MeanSquare, NextToken, hidden_states, loss_and_gradients_keeping,
};
use kerf_model::{Batch, MemoryWeights, Network};
use kerf_tensors::Catalog;
use std::time::Instant;

const RUNS: usize = 5;

/// Seconds and operations of the fastest of some runs.
fn fastest(compute: &Compute, mut work: impl FnMut()) -> (f64, u64) {
    let mut best = (f64::INFINITY, 0);
    for _ in 0..RUNS {
        let (begun, before) = (Instant::now(), compute.linalg.flops().total());
        work();
        let seconds = begun.elapsed().as_secs_f64();
        if seconds < best.0 {
            best = (seconds, compute.linalg.flops().total() - before);
        }
    }
    best
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a model folder")?;
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    let (sequences, tokens, threads) = (number(32)?, number(64)?, number(1)?);
    let compute = Compute::new(None, threads).ok_or("no instruction set")?;
    let catalog = Catalog::open_path(std::path::Path::new(&folder))?;
    let network = Network::of_catalog(&catalog)?;
    let tensors = catalog.tensors.iter().filter(|entry| entry.shape.len() < 3);
    let names: Vec<&str> = tensors
        .map(|entry| entry.name.as_str())
        .filter(|name| !name.ends_with("position_ids"))
        .collect();
    let weights = MemoryWeights::copy_of(&catalog, &compute, names)?;
    let vocab = network.vocab();
    let ids: Vec<Vec<u32>> = (0..sequences)
        .map(|text| {
            (0..tokens)
                .map(|at| ((text * 7919 + at * 104_729) % vocab) as u32)
                .collect()
        })
        .collect();
    let batch = Batch::new(&ids);
    let states = hidden_states(&network, &compute, &weights, &batch)?;
    let square = MeanSquare {
        wanted: &vec![0.1; states.len()],
    };
    let words = NextToken::of(&batch, |_| true);
    let loss: &dyn Loss = match network.head() {
        Some(_) => &words,
        None => &square,
    };
    let mut gradients = Gradients::zeros(&weights, weights.names())?;
    let (forward, flops) = fastest(&compute, || {
        hidden_states(&network, &compute, &weights, &batch)
            .map(drop)
            .unwrap_or_default();
    });
    println!(
        "hidden states: {forward:.3} s, {:.1} GFLOP/s",
        flops as f64 / forward / 1e9
    );
    for (what, bytes) in [("again from inputs", 0), ("with all kept", u64::MAX)] {
        let own = &mut gradients;
        let (step, flops) = fastest(&compute, || {
            own.clear();
            loss_and_gradients_keeping(&network, &compute, &weights, &batch, loss, 1.0, own, bytes)
                .map(drop)
                .unwrap_or_default();
        });
        println!(
            "step, {what}: {step:.3} s, {:.1} GFLOP/s, {:.2} times the hidden states",
            flops as f64 / step / 1e9,
            step / forward
        );
    }
    Ok(())
}
