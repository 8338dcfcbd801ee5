//! How models are run beside one another within the memory that was given.

use crate::Error;
use crate::machine;
use crate::open_model::{KeptWeights, Runnable};
use kerf_compress::CompressError;
use kerf_compress::memory::{BASE_BYTES, WORKER_BYTES, tokenizer_bytes};
use kerf_kernels::Compute;
use kerf_model::evaluate::{BATCH_TOKENS, Runner, cache_bytes, head_bytes, running_bytes};
use kerf_model::gate::Gate;
use std::ops::{Deref, DerefMut};

/// What needs less memory where a text is measured in windows: the end of a sentence.
pub const SHORTER_WINDOWS: &str = ", or measure in shorter windows (`context`)";
/// What needs less memory where each text is one sequence.
pub const FEWER_THREADS: &str = ", or use fewer `threads`";
/// Smallest batch that is chosen to save memory, in tokens.
const LEAST_BATCH: usize = 256;

/// What each model may keep, and how many tokens run together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Bytes of decoded weights that each model keeps.
    pub keep_bytes: u64,
    /// Tokens of a batch.
    pub batch_tokens: usize,
    /// Whether a user said how much memory there is.
    pub limited: bool,
    /// Whether weights run as they are stored ([`Runner::with_compact`]).
    pub compact: bool,
}

impl Running {
    /// Of models that see the same sequences of at most `longest` tokens, without a limit (0) or within `limit_bytes` for the whole
    /// process: smaller batches where large ones do not fit, and what is left is for decoded weights. `MEMORY_LIMIT` if the smallest
    /// batch does not fit; its sentence ends with `fix`.
    pub fn of(
        limit_bytes: u64,
        models: &[&Runnable],
        compute: &Compute,
        longest: usize,
        fix: &str,
    ) -> Result<Self, Error> {
        Self::beside(limit_bytes, 0, models, compute, longest, fix)
    }

    /// Of a model that continues a prompt, up to so many tokens in all.
    pub fn writing(
        limit_bytes: u64,
        model: &Runnable,
        compute: &Compute,
        prompt: usize,
        tokens: usize,
    ) -> Result<Self, Error> {
        let caches = cache_bytes(&model.network, tokens);
        let fix = ", or write fewer tokens (`maxTokens`)";
        Self::beside(limit_bytes, caches, &[model], compute, prompt.max(1), fix)
    }

    fn beside(
        limit_bytes: u64,
        other_bytes: u64,
        models: &[&Runnable],
        compute: &Compute,
        longest: usize,
        fix: &str,
    ) -> Result<Self, Error> {
        let count = models.len().max(1) as u64;
        if limit_bytes == 0 {
            return Ok(Self {
                keep_bytes: machine::keep_bytes() / count,
                batch_tokens: BATCH_TOKENS,
                limited: false,
                compact: false,
            });
        }
        let mut batch_tokens = BATCH_TOKENS;
        loop {
            let tokens = batch_tokens.max(longest);
            let needed_bytes = other_bytes + needed(models, compute, tokens, longest);
            if needed_bytes <= limit_bytes {
                return Ok(Self {
                    keep_bytes: (limit_bytes - needed_bytes) / count,
                    batch_tokens,
                    limited: true,
                    compact: false,
                });
            }
            if batch_tokens <= LEAST_BATCH.max(longest) {
                return Err(CompressError::MemoryLimit {
                    needed_bytes,
                    limit_bytes,
                    fix: fix.into(),
                }
                .into());
            }
            batch_tokens /= 2;
        }
    }

    /// The same with weights as they are stored, if `compact`: for a result whose last bits do not matter.
    #[must_use]
    pub fn compact(self, compact: bool) -> Self {
        Self { compact, ..self }
    }

    /// A runner of a model, with what an earlier one of the same open model decoded.
    pub fn runner<'a>(&self, model: &'a Runnable, compute: &'a Compute) -> Lent<'a> {
        let decoded = model.kept(self.compact).take();
        // What was kept may stay: it is no longer part of what is free.
        let keep_bytes = match self.limited {
            true => self.keep_bytes,
            false => self.keep_bytes.max(decoded.bytes()),
        };
        let runner = Runner::new(&model.network, &model.opened.catalog, compute, keep_bytes);
        let mut runner = runner.with_batch_tokens(self.batch_tokens);
        if self.compact {
            runner = runner.with_compact();
        }
        Lent {
            runner: Some(runner.with_decoded(decoded)),
            kept: model.kept(self.compact),
        }
    }
}

/// A runner whose decoded weights go back to its model.
pub struct Lent<'a> {
    /// `None` only while it is dropped.
    runner: Option<Runner<'a>>,
    kept: &'a KeptWeights,
}

impl<'a> Lent<'a> {
    /// The same with a gate before each block; see [`Runner::with_gate`].
    #[must_use]
    pub fn with_gate(mut self, gate: &'a dyn Gate) -> Self {
        self.runner = self.runner.take().map(|runner| runner.with_gate(gate));
        self
    }
}

impl<'a> Deref for Lent<'a> {
    type Target = Runner<'a>;

    fn deref(&self) -> &Runner<'a> {
        self.runner.as_ref().expect("it is there until the end")
    }
}

impl<'a> DerefMut for Lent<'a> {
    fn deref_mut(&mut self) -> &mut Runner<'a> {
        self.runner.as_mut().expect("it is there until the end")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(runner) = self.runner.take() {
            self.kept.put(runner.into_decoded());
        }
    }
}

/// What the two runners of a search over one model may keep.
#[cfg(feature = "train")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searching {
    /// Bytes of decoded weights that each runner keeps.
    pub keep_bytes: u64,
    /// Peak memory of the process as planned, without decoded weights that are kept.
    pub needed_bytes: u64,
}

#[cfg(feature = "train")]
impl Searching {
    /// Of `tokens` tokens in windows of `window`, without a limit (0) or within `limit_bytes` for the whole process. A batch is as large as
    /// it usually is; `learns`: whether a router learns behind the search. `MEMORY_LIMIT`.
    pub fn of(
        limit_bytes: u64,
        model: &Runnable,
        compute: &Compute,
        tokens: usize,
        window: usize,
        learns: bool,
    ) -> Result<Self, Error> {
        let batch = tokens.min(BATCH_TOKENS.max(window));
        // States of what is predicted, dense and routed, beside the keys and values of a batch.
        let states = 2 * 4 * (tokens * model.network.hidden()) as u64;
        // A training keeps the states before each block of a window, twice.
        let kept = 2 * 4 * (model.network.blocks() * window * model.network.hidden()) as u64;
        let learning = if learns { kept } else { 0 };
        let other_bytes = cache_bytes(&model.network, batch) + states + learning;
        let needed_bytes = other_bytes + needed(&[model, model], compute, batch, window);
        if limit_bytes == 0 {
            return Ok(Self {
                keep_bytes: machine::keep_bytes() / 2,
                needed_bytes,
            });
        }
        if needed_bytes > limit_bytes {
            return Err(CompressError::MemoryLimit {
                needed_bytes,
                limit_bytes,
                fix: ", or search on fewer `tokens`".into(),
            }
            .into());
        }
        Ok(Self {
            keep_bytes: (limit_bytes - needed_bytes) / 2,
            needed_bytes,
        })
    }
}

/// The process, the tokenizer, a batch in one model with the states of the others, and then the logits of all.
fn needed(models: &[&Runnable], compute: &Compute, tokens: usize, longest: usize) -> u64 {
    let networks = || models.iter().map(|model| &model.network);
    let workers = WORKER_BYTES * compute.pool.threads() as u64;
    let tokenizer = models
        .first()
        .map_or(0, |model| tokenizer_bytes(&model.opened.catalog));
    let states: usize = networks().map(|network| tokens * network.hidden()).sum();
    let running = networks().map(|network| running_bytes(network, tokens, longest));
    let logits = networks()
        .map(|network| head_bytes(network, tokens, 1))
        .sum::<u64>();
    let most = running.max().unwrap_or(0).max(logits);
    BASE_BYTES + workers + tokenizer + 4 * states as u64 + most
}
