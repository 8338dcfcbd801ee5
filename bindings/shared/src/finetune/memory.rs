//! How much memory a training takes.

use super::held_out::Held;
use crate::Error;
use kerf_compress::CompressError;
use kerf_compress::memory::{BASE_BYTES, tokenizer_bytes};
use kerf_model::Network;
use kerf_tensors::Catalog;
use kerf_train::TrainOptions;
use kerf_train::memory::{Training, peak_bytes};
use std::collections::BTreeSet;

/// Peak memory of the process, planned from shapes and the longest batch that there may be.
pub fn plan(
    network: &Network,
    catalog: &Catalog,
    learn: &BTreeSet<String>,
    options: &TrainOptions,
    held: &Held,
) -> u64 {
    let computable = catalog
        .tensors
        .iter()
        .filter(|entry| entry.dtype.is_computable());
    let longest = |examples: &dyn kerf_train::Examples| {
        let mut tokens: Vec<usize> = (0..examples.count())
            .map(|at| examples.tokens(at))
            .collect();
        tokens.sort_unstable();
        tokens.iter().rev().take(options.batch).sum::<usize>()
    };
    let training = Training {
        weights: computable.clone().map(|entry| entry.len() as u64).sum(),
        learned: computable
            .filter(|entry| learn.contains(&entry.name))
            .map(|entry| entry.len() as u64)
            .sum(),
        tokens: longest(&*held.examples).max(longest(&*held.held_out)),
        teaches: options.distill > 0.0,
    };
    BASE_BYTES + tokenizer_bytes(catalog) + peak_bytes(network, &training, options)
}

/// `MEMORY_LIMIT` if more is planned than is allowed; 0 allows all.
pub fn refuse(needed_bytes: u64, limit_bytes: u64) -> Result<(), Error> {
    if limit_bytes == 0 || needed_bytes <= limit_bytes {
        return Ok(());
    }
    Err(CompressError::MemoryLimit {
        needed_bytes,
        limit_bytes,
        fix: ", or learn from smaller batches (`batch`, with `accumulate`) or shorter examples (`maxTokens`)".into(),
    }
    .into())
}
