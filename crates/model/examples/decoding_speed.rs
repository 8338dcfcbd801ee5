//! Tokens a second of greedy decoding of a model folder, from decoded weights and from weights as they are stored, beside the copy
//! bandwidth of the same run; and how far the logits of both are apart.
//!
//! `cargo run --release -p kerf-model --example decoding_speed -- FOLDER [TOKENS] [THREADS]`

use kerf_kernels::Compute;
use kerf_model::evaluate::Runner;
use kerf_model::generate::{Sampling, generate};
use kerf_model::{ModelError, Network};
use kerf_tensors::Catalog;
use std::time::Instant;

const RUNS: usize = 5;
/// Bytes that are copied to measure the bandwidth: more than caches hold.
const COPIED: usize = 256 << 20;

/// Bytes a second that are read while another buffer of the same size is written, the fastest of some copies.
fn copy_bandwidth() -> f64 {
    let from = vec![1u8; COPIED];
    let mut to = vec![0u8; COPIED];
    let mut best = 0.0f64;
    for run in 0..RUNS {
        let begun = Instant::now();
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&to);
        // The first touch of `to` is no copy.
        if run > 0 {
            best = best.max(COPIED as f64 / begun.elapsed().as_secs_f64());
        }
    }
    best
}

/// Seconds until the first token, and seconds of each token after it, of the fastest of some runs.
fn decode(
    runner: &mut Runner<'_>,
    prompt: &[u32],
    tokens: usize,
) -> Result<(f64, f64), ModelError> {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..RUNS {
        let (begun, mut first, mut count) = (Instant::now(), None, 0);
        let mut last = 0.0;
        let on_token = &mut |_| {
            last = begun.elapsed().as_secs_f64();
            first.get_or_insert(last);
            count += 1;
            true
        };
        generate(runner, prompt, tokens, Sampling::default(), on_token)?;
        let first = first.unwrap_or(f64::INFINITY);
        let each = (last - first) / f64::from((count - 1).max(1));
        best = (best.0.min(first), best.1.min(each));
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a model folder")?;
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    let (tokens, threads) = (number(64)?, number(1)?);
    let compute = Compute::new(None, threads).ok_or("no instruction set")?;
    let catalog = Catalog::open_path(std::path::Path::new(&folder))?;
    let network = Network::of_catalog(&catalog)?;
    let vocab = network.vocab();
    let prompt: Vec<u32> = (0..8).map(|at| (at * 104_729 % vocab) as u32).collect();
    let isa = compute.kernels.isa().id();
    println!("{folder}: {isa}, {threads} threads");
    println!(
        "copy: {:.1} GB/s are read on one thread",
        copy_bandwidth() / 1e9
    );

    let mut logits = Vec::new();
    for (name, compact) in [("decoded", false), ("as stored", true)] {
        let begun = Instant::now();
        let mut runner = Runner::new(&network, &catalog, &compute, u64::MAX);
        if compact {
            runner = runner.with_compact();
        }
        // One token at a time, and all at once.
        let few = runner.logits(&prompt[..4])?;
        let many = runner.logits(&prompt.repeat(5))?;
        let opened = begun.elapsed().as_secs_f64();
        let (first, each) = decode(&mut runner, &prompt, tokens)?;
        let bytes = runner.kept_bytes() as f64;
        println!(
            "{name}: {:.1} tokens/s, prompt of 8 tokens {:.1} ms, opened in {:.0} ms, {:.1} MB held, {:.1} GB/s are read",
            1.0 / each,
            1e3 * first,
            1e3 * opened,
            bytes / 1e6,
            bytes / each / 1e9,
        );
        logits.push((few, many));
    }
    let apart = |a: &[f32], b: &[f32]| {
        let largest = a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        difference.fold(0.0, f32::max) / largest
    };
    println!(
        "logits apart, by the largest: {:.1e} of 4 tokens, {:.1e} of 40",
        apart(&logits[0].0, &logits[1].0),
        apart(&logits[0].1, &logits[1].1)
    );
    Ok(())
}
