//! Peak memory, known before the work starts, and kept to.
//!
//! The job is in one phase at a time, and each phase's buffers are counted here: reading the formulas beside the code that
//! allocates is how they stay true, and a test on a real run compares the two.

use crate::matrices::Matrix;
use crate::options::Options;
use crate::solve::target;
use crate::statistics::Needs;
use crate::{CompressError, job, survey};
use kerf_kernels::Pool;
use kerf_model::Network;
use kerf_tensors::Catalog;
use std::collections::HashMap;

/// The process that hosts the engine, its code, thread stacks and packing buffers.
const BASE_BYTES: u64 = 80 << 20;
/// What a run with calibration adds: the text, and what the allocator keeps between one step and the next.
const CALIBRATION_BYTES: u64 = 56 << 20;
/// Buffers of each worker while the network runs: packed operands of sparse and dense products.
const WORKER_BYTES: u64 = 16 << 20;
/// Memory of a tokenizer over the size of its file.
const TOKENIZER_FACTOR: u64 = 16;
/// Tokens of a batch: enough for a full-rate matrix product, few enough to bound the intermediate values.
const BATCH_TOKENS: [usize; 3] = [1024, 512, 256];
/// Tokens that run at the same time, if a batch is not more by itself.
const TOKENS_AT_ONCE: usize = 2048;

/// What the run will need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Peak memory.
    pub peak_bytes: u64,
    /// Calibration tokens that run together.
    pub batch_tokens: usize,
    /// Batches that run at the same time.
    pub batches_at_once: usize,
    /// Whether activations go through the work folder.
    pub spill: bool,
    /// Size of all activations of one block boundary.
    pub activation_bytes: u64,
}

/// Chooses the fastest way that keeps to `maxMemoryBytes`: activations in memory and large batches, then smaller batches,
/// then activations on disk. `MEMORY_LIMIT` if none does. `network`: if calibration runs.
pub fn plan(
    catalog: &Catalog,
    options: &Options,
    network: Option<&Network>,
    targets: &[Matrix],
    embeddings: &[Matrix],
    tokens: usize,
) -> Result<MemoryPlan, CompressError> {
    let limit = options.max_memory_bytes;
    let mut best: Option<MemoryPlan> = None;
    for spill in [false, true] {
        for batch_tokens in BATCH_TOKENS {
            let candidate = candidate(
                catalog,
                options,
                network,
                targets,
                embeddings,
                tokens,
                batch_tokens,
                spill,
            );
            if limit == 0 || candidate.peak_bytes <= limit {
                return Ok(candidate);
            }
            best = best
                .filter(|best| best.peak_bytes <= candidate.peak_bytes)
                .or(Some(candidate));
        }
    }
    let needed_bytes = best.map_or(0, |best| best.peak_bytes);
    Err(CompressError::MemoryLimit {
        needed_bytes,
        limit_bytes: limit,
    })
}

#[allow(clippy::too_many_arguments)]
fn candidate(
    catalog: &Catalog,
    options: &Options,
    network: Option<&Network>,
    targets: &[Matrix],
    embeddings: &[Matrix],
    tokens: usize,
    batch_tokens: usize,
    spill: bool,
) -> MemoryPlan {
    let solve_alone = targets
        .iter()
        .chain(embeddings)
        .map(|matrix| solve_bytes(catalog, matrix))
        .max()
        .unwrap_or(0);
    let Some(network) = network else {
        return MemoryPlan {
            peak_bytes: BASE_BYTES + solve_alone,
            batch_tokens,
            batches_at_once: 1,
            spill,
            activation_bytes: 0,
        };
    };
    let widest = targets.iter().map(|matrix| matrix.cols).max().unwrap_or(0);
    let dense = targets.iter().any(|matrix| matrix.blend > 0.0);
    let streams = 1 + usize::from(dense);
    // Of each stream the residual and one shared input; on the disk twice while they move.
    let activation_bytes = (tokens * streams * (network.hidden() + widest) * 4) as u64;
    let window = network
        .max_context()
        .min(crate::calibration::MAX_WINDOW)
        .min(tokens.max(1));
    let batch = batch_tokens.max(window).min(tokens.max(1));
    // Small batches keep a core busy for as long as they last; parts of one operation do not.
    let threads = Pool::wanted(options.threads);
    let batches_at_once = (TOKENS_AT_ONCE / batch).clamp(1, threads);
    // The streams of a batch run one after the other.
    let running = (batches_at_once
        * batch
        * (network.scratch_per_token(window) + streams * (network.hidden() + widest))
        * 4) as u64;
    let resident = if spill { 0 } else { activation_bytes };
    let groups = groups(network, targets);
    // While collecting: the matrices before the input (and one as it is in its file, or the nonzeros of all of them, which
    // take less than three quarters), those of the dense model, and the second moments of the input.
    let largest_group = groups
        .values()
        .map(|group| {
            let read = group.largest_read.max(group.weights * 3 / 4);
            streams as u64 * group.weights + read
        })
        .max()
        .unwrap_or(0);
    let collected = groups.values().map(|group| group.gram + group.drift);
    let collect = largest_group + collected.max().unwrap_or(0) + running;
    // While solving: the second moments, their factor, what makes targets, and what the solver holds.
    let solve = groups
        .values()
        .map(|group| {
            let scratch = match group.drift {
                0 => 0,
                _ => target::scratch_bytes(group.cols, threads),
            };
            2 * group.gram + group.drift + scratch + group.solver
        })
        .max()
        .unwrap_or(0);
    let searching = match options.schedule.as_deref() {
        Some("search") => searching_bytes(network, window),
        _ => 0,
    };
    let surveying = surveying_bytes(options, network, tokens, widest) + largest_group;
    let peak = collect
        .max(solve)
        .max(solve_alone)
        .max(searching)
        .max(surveying);
    MemoryPlan {
        peak_bytes: BASE_BYTES
            + CALIBRATION_BYTES
            + WORKER_BYTES * threads as u64
            + tokenizer_bytes(catalog)
            + resident
            + peak,
        batch_tokens,
        batches_at_once,
        spill,
        activation_bytes,
    }
}

fn tokenizer_bytes(catalog: &Catalog) -> u64 {
    let files = catalog.sidecars.iter();
    let tokenizer = files.filter(|(name, _)| name == "tokenizer.json");
    TOKENIZER_FACTOR * tokenizer.map(|(_, bytes)| bytes).sum::<u64>()
}

/// The dense model before the first matrix is solved: residual stream and shared input of the tokens that it sees, the input once
/// more as one piece and once turned, and two squares of its columns (or of tokens, where these are fewer).
fn surveying_bytes(options: &Options, network: &Network, tokens: usize, widest: usize) -> u64 {
    let seen = match options.schedule.as_deref() {
        Some("search") => survey::tokens(tokens).max(job::SOLVED_TOKENS.min(tokens)),
        None | Some("uniform")
            if options
                .target_bits
                .or(options.target_bytes.map(|_| 0.0))
                .is_none() =>
        {
            return 0;
        }
        _ => survey::tokens(tokens),
    };
    (4 * (seen * (network.hidden() + 4 * widest) + 2 * widest * widest)) as u64
}

/// A candidate of a search runs whole blocks (one is read while the one before is not yet gone) on the tokens of a measurement;
/// beside it are the states of the dense model, the head of a decoder, and logits of both.
fn searching_bytes(network: &Network, window: usize) -> u64 {
    let block = |block: usize| network.linears(block).iter().map(|l| l.rows * l.cols).sum();
    let largest = (0..network.blocks()).map(block).max().unwrap_or(0);
    let tokens = job::MEASURED_TOKENS + window;
    let running = tokens * (network.scratch_per_token(window) + 3 * network.hidden());
    let head = network.head().map_or(0, |_| {
        network.vocab() * network.hidden() + 2 * (8 << 20).max(32 * network.vocab())
    });
    (4 * (2 * largest + running + head)) as u64
}

/// Bytes of the matrices that share an input.
#[derive(Default)]
struct Group {
    cols: usize,
    weights: u64,
    gram: u64,
    /// Against what the dense model sees, if a matrix aims at that.
    drift: u64,
    solver: u64,
    largest_read: u64,
}

fn groups(network: &Network, targets: &[Matrix]) -> HashMap<(usize, usize), Group> {
    let mut groups: HashMap<(usize, usize), Group> = HashMap::new();
    // Matrices that stay as they are run as well.
    for block in 0..network.blocks() {
        for linear in network.linears(block) {
            let (rows, cols) = (linear.rows as u64, linear.cols as u64);
            let group = groups.entry((block, linear.input)).or_default();
            group.cols = linear.cols;
            group.weights += rows * cols * 4;
            group.gram = cols * cols * 4;
            group.largest_read = group.largest_read.max(rows * cols * 4);
        }
    }
    for matrix in targets {
        let group = groups.entry((matrix.block, matrix.input)).or_default();
        let weights = (matrix.rows * matrix.cols * 4) as u64;
        let target = if matrix.blend > 0.0 { weights } else { 0 };
        if target > 0 {
            group.drift = group.gram;
        }
        group.solver = group.solver.max(solver_bytes(matrix) + target);
    }
    groups
}

/// Original, working copy (or decoded values) and survivors of the matrix before, which is being written, as f32; codes,
/// errors of a block of columns, the encoded parts. A method without calibration has the original alone as f32.
fn solver_bytes(matrix: &Matrix) -> u64 {
    let weights = (matrix.rows * matrix.cols) as u64;
    if matrix.method.needs() == Needs::Nothing && matrix.grid.is_some() && !matrix.transposed {
        return weights * (4 + 1 + 1 + 2);
    }
    // A matrix that is stored the other way round is there twice.
    let turned = if matrix.transposed { 4 } else { 0 };
    weights * (4 + 4 + 4 + 1 + 1 + turned) + (matrix.rows * 128 * 4) as u64
}

fn solve_bytes(catalog: &Catalog, matrix: &Matrix) -> u64 {
    let read = catalog.tensors[matrix.tensor].stored_bytes();
    solver_bytes(matrix).max((matrix.rows * matrix.cols * 4) as u64 + read)
}
