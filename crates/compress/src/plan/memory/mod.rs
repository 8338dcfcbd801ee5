//! Peak memory, known before the work starts, and kept to.
//!
//! The job is in one phase at a time, and each phase's buffers are counted here: reading the formulas beside the code that
//! allocates is how they stay true, and tests and `benches/memory` compare the two. What a solver holds is for its method to say
//! ([`crate::methods::Method::memory_bytes`]).

mod after;
mod solving;
mod teaching;

use crate::CompressError;
use crate::costs::footprint::{Footprint, Task};
use crate::costs::groups::Group;
use crate::options::recover::{By, Recovery};
use crate::prepass;
use crate::solve::target;
use kerf_model::Network;
use kerf_tensors::Catalog;

/// The process that hosts the engine, its code, thread stacks and packing buffers, and what the allocator keeps.
pub const BASE_BYTES: u64 = 112 << 20;
/// What a run with calibration adds: what the allocator keeps between one step and the next.
const CALIBRATION_BYTES: u64 = 48 << 20;
/// Text that is in memory while it is made into tokens, with what the tokenizer makes of it: of a stream, whatever its length.
const TEXT_BYTES: u64 = 64 << 20;
/// Buffers of each worker while the network runs: packed operands of sparse and dense products.
pub const WORKER_BYTES: u64 = 16 << 20;
/// Memory of a tokenizer over the size of its file.
const TOKENIZER_FACTOR: u64 = 16;
/// Tokens of a batch: enough for a full-rate matrix product, few enough to bound the intermediate values.
const BATCH_TOKENS: [usize; 3] = [1024, 512, 256];
/// Tokens that run at the same time, if a batch is not more by itself.
const TOKENS_AT_ONCE: usize = 2048;
/// Tokens whose inputs are turned, and subtracted from those of the dense model, while second moments are added up.
const MOMENT_TOKENS: usize = 512;

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
    /// Bytes that may hold what blocks computed on the way forward, while a whole model is taught.
    pub keep_bytes: u64,
    /// Size of all activations of one block boundary.
    pub activation_bytes: u64,
}

/// Memory of the tokenizer of a model.
pub fn tokenizer_bytes(catalog: &Catalog) -> u64 {
    let files = catalog.sidecars.iter();
    let tokenizer = files.filter(|(name, _)| name == "tokenizer.json");
    TOKENIZER_FACTOR * tokenizer.map(|(_, bytes)| bytes).sum::<u64>()
}

/// Chooses the fastest way that keeps to `maxMemoryBytes`: activations in memory and large batches, then smaller batches,
/// then activations on disk. `MEMORY_LIMIT` if none does. `network`: if calibration runs, on so many `tokens`.
pub(crate) fn plan(
    task: &Task<'_>,
    network: Option<&Network>,
    tokens: usize,
) -> Result<MemoryPlan, CompressError> {
    let limit = task.settings.options.max_memory_bytes;
    let mut best: Option<MemoryPlan> = None;
    for spill in [false, true] {
        for batch_tokens in BATCH_TOKENS {
            let candidate = match network {
                Some(network) => {
                    let footprint = Footprint::new(task, network, tokens, batch_tokens);
                    let keeping = footprint.plan(spill, footprint.all_saved());
                    match limit == 0 || keeping.peak_bytes <= limit {
                        true => keeping,
                        false => footprint.plan(spill, 0),
                    }
                }
                None => without_calibration(task, batch_tokens, spill),
            };
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
        fix: match network {
            Some(_) => ", take fewer calibration `tokens`, or a `method` without calibration (rtn, or magnitude with a `sparsity`)".into(),
            None => String::new(),
        },
    })
}

/// What `auto` may take for a whole model where no limit is given.
const AUTO_BYTES: u64 = 16 << 30;

/// [`plan`] for a task whose recovery may still be open: `auto` is the whole model where that keeps to the limit, or to 16 GiB without one.
pub(crate) fn decide(
    task: &mut Task<'_>,
    network: Option<&Network>,
    tokens: usize,
) -> Result<MemoryPlan, CompressError> {
    let Some(open) = task.recovery.filter(|recovery| recovery.by == By::Auto) else {
        return plan(task, network, tokens);
    };
    let by = |by| Some(Recovery { by, ..open });
    task.recovery = by(By::Whole);
    let limit = match task.settings.options.max_memory_bytes {
        0 => AUTO_BYTES,
        limit => limit,
    };
    match plan(task, network, tokens) {
        Ok(whole) if whole.peak_bytes <= limit => Ok(whole),
        _ => {
            task.recovery = by(By::Block);
            plan(task, network, tokens)
        }
    }
}

fn without_calibration(task: &Task<'_>, batch_tokens: usize, spill: bool) -> MemoryPlan {
    MemoryPlan {
        peak_bytes: BASE_BYTES + solving::alone(task, task.embeddings.iter().chain(task.targets)),
        batch_tokens,
        batches_at_once: 1,
        spill,
        keep_bytes: 0,
        activation_bytes: 0,
    }
}

impl Footprint<'_> {
    fn plan(&self, spill: bool, keep_bytes: u64) -> MemoryPlan {
        let activation_bytes = self.activations();
        let resident = if spill { 0 } else { activation_bytes };
        let embeddings = solving::alone(self.task, self.task.embeddings.iter());
        let peak = (resident + self.collecting().max(self.solving()))
            .max(self.looking())
            .max(self.measuring());
        let by_block = self
            .task
            .recovery
            .is_some_and(|recovery| recovery.by == By::Block);
        let teaching = self.teaching(keep_bytes);
        let peak = peak.max(teaching + if by_block { resident } else { 0 });
        // The text is made into tokens before the job begins, and embeddings are solved before the network runs: neither has workers'
        // buffers, nor what the allocator keeps of them, beside it.
        let workers = WORKER_BYTES * self.threads as u64;
        let peak = (CALIBRATION_BYTES + workers + peak)
            .max(embeddings)
            .max(TEXT_BYTES + tokenizer_bytes(self.task.catalog));
        MemoryPlan {
            peak_bytes: BASE_BYTES + peak,
            batch_tokens: self.batch_tokens,
            batches_at_once: self.batches_at_once(),
            spill,
            keep_bytes,
            activation_bytes,
        }
    }

    /// The model, and the dense one beside it where a layer aims at what that computes.
    fn streams(&self) -> usize {
        let by_block = self
            .task
            .recovery
            .is_some_and(|recovery| recovery.by == By::Block);
        1 + usize::from(by_block || self.task.targets.iter().any(|matrix| matrix.blend > 0.0))
    }

    /// Of each stream; on the disk twice while they move.
    fn activations(&self) -> u64 {
        (self.tokens * self.streams() * self.numbers() * 4) as u64
    }

    /// Small batches keep a core busy for as long as they last; parts of one operation do not.
    fn batches_at_once(&self) -> usize {
        (TOKENS_AT_ONCE / self.batch).clamp(1, self.threads)
    }

    /// The matrices before a shared input, in both models, what moves the tokens, and the second moments of the input.
    fn collecting(&self) -> u64 {
        // The streams of a batch run one after the other.
        let tokens = self.batches_at_once() * self.batch;
        let moving = self.running(tokens) + (tokens * self.streams() * self.numbers() * 4) as u64;
        let moments = |group: &Group<'_>| {
            let rows = 2 * MOMENT_TOKENS.min(self.batch) * group.cols * 4;
            group.gram() + group.drift_while_collecting() + rows as u64
        };
        let moments = self.groups.iter().map(moments).max().unwrap_or(0);
        self.largest_part(self.streams()) + moving + moments
    }

    /// The second moments, their factor, what makes targets, and what the solver holds.
    fn solving(&self) -> u64 {
        let of_group = |group: &Group<'_>| {
            let scratch = match group.drift() {
                0 => 0,
                _ => target::scratch_bytes(group.cols, self.threads),
            };
            let solver = solving::calibrated(self.task, group);
            2 * group.gram() + group.drift() + scratch + solver
        };
        self.groups.iter().map(of_group).max().unwrap_or(0)
    }

    /// What looks at the dense model before the first matrix is solved, one after the other.
    fn looking(&self) -> u64 {
        let planned = prepass::planned(self.task.settings, self.task.targets);
        let bytes = planned.iter().map(|prepass| prepass.memory_bytes(self));
        bytes.max().unwrap_or(0)
    }
}
