//! The schedule search of FTP (arXiv 2412.11494): an evolution over the sparsity of each block at a fixed mean. A change lets one block
//! skip more and another as much less. The measure is the KL to the dense model on calibration text, over tokens behind routed prompts.

use crate::RouteError;
use crate::influence::{by_influence, influences};
use crate::schedule::{LEVELS, Levels, Schedule, even_levels, greedy_levels};
use kerf_kernels::Compute;
use kerf_model::evaluate::{Continuations, Decoded, Pace, Prompt, Runner};
use kerf_model::evolve::{Candidates, Draws, Evolution, Round};
use kerf_model::gate::{Gate, Shares};
use kerf_model::{Network, WeightSource, finite};
use kerf_run::{CancelCheck, Event, Host, Journal, Record, Stage};
use kerf_tensors::Workspace;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Most changes of one mutation.
const CHANGES: usize = 3;
/// Draws after which a change is given up.
const TRIES: usize = 32;
const MEASURES: &str = "measures.json";

/// Makes the gate that a schedule is measured with: the static one at first, later the trained router.
pub type GateOf<'a> = &'a dyn Fn(Shares) -> Box<dyn Gate>;

/// How long to search, and for what.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// Mean share of tokens that blocks skip, from 0 to 0.95. It is met to half a level of one block.
    pub sparsity: f64,
    /// Generations; 0 gives the best of the starts.
    pub generations: usize,
    /// Changed schedules in each generation.
    pub offspring: usize,
    /// How many of them are measured on all windows, after all were measured on a quarter of the windows.
    pub survivors: usize,
    /// Same seed, same schedule.
    pub seed: u64,
}

/// 20 generations of 16.
impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            sparsity: 0.3,
            generations: 20,
            offspring: 16,
            survivors: 4,
            seed: 0,
        }
    }
}

/// A search over the schedules of a decoder.
pub struct Search<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a dyn WeightSource,
    /// The machine.
    pub compute: &'a Compute,
    /// Calibration text: windows whose first `prompt` tokens are a routed prompt, or the first three quarters of one that has no more.
    /// Short ones belong in: a schedule that was found on long ones alone may take what a short text cannot spare.
    pub windows: &'a [Vec<u32>],
    /// See `windows`.
    pub prompt: usize,
    /// Most bytes of decoded blocks that are kept between measurements.
    pub keep_bytes: u64,
    /// Names model, text, gate and version: a journal of another name, or of other options, is cleared.
    pub fingerprint: &'a str,
}

/// A measurement that the journal keeps. The number by its bits, so that it comes back as it was.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    levels: Levels,
    windows: usize,
    kl_bits: u64,
}

/// What the journal says of its unit.
#[derive(Serialize, Deserialize)]
struct Generation {
    generation: usize,
}

impl Search<'_> {
    /// The best schedule found: at least as good on all windows as the best of three starts, which are the same sparsity in all blocks,
    /// the same in all but a tenth of the blocks at each end, and as much as can be in the blocks of least influence.
    ///
    /// Measurements are kept after each generation, so a run that was stopped goes on and finds the same. `EMPTY`, `CANCELLED`,
    /// `NOT_FINITE`, and what may go wrong with files and model.
    pub fn run(
        &self,
        options: &SearchOptions,
        gate: GateOf<'_>,
        workspace: Arc<dyn Workspace>,
        host: &mut dyn Host,
    ) -> Result<Schedule, RouteError> {
        let cancel = CancelCheck::new(self.compute.pool.clone(), workspace.name());
        let fingerprint = format!("{} {} {options:?}", self.fingerprint, self.prompt);
        let journal: Journal<Generation> = Journal::open(workspace, &fingerprint)?;
        let known: Vec<Known> = journal.value(MEASURES)?.unwrap_or_default();
        let known = known.into_iter().map(|known| {
            let kl = f64::from_bits(known.kl_bits);
            ((known.levels, known.windows), kl)
        });
        let mut original = self.runner();
        let stop = &mut |_, _| !host.cancelled();
        let dense = Continuations::new(
            &mut original,
            self.windows.to_vec(),
            Prompt::UpTo(self.prompt),
            stop,
        )?;
        let mut levels = LevelSearch {
            search: self,
            gate,
            options,
            decoded: Decoded::default(),
            known: known.collect(),
            original,
            dense,
            journal,
            cancel,
            host,
        };
        let all = levels.dense.windows();
        let start = levels.start(all)?;
        let evolution = Evolution {
            generations: options.generations,
            offspring: options.offspring,
            rounds: rounds(all, options.survivors),
            seed: options.seed,
        };
        let found = evolution.run(&mut levels, start)?;
        Ok(Schedule::of_levels(self.network, &found))
    }

    fn runner(&self) -> Runner<'_> {
        Runner::new(self.network, self.weights, self.compute, self.keep_bytes)
    }
}

/// One round where there is so little text that a second would measure the same.
fn rounds(windows: usize, survivors: usize) -> Vec<Round> {
    let few = windows.div_ceil(4);
    let last = Round {
        effort: windows,
        survivors: 1,
    };
    let first = Round {
        effort: few,
        survivors,
    };
    if few == windows {
        vec![last]
    } else {
        vec![first, last]
    }
}

/// A host that may stop the work and hears nothing: events of a part that has no share of the whole.
struct Quiet<'h>(&'h mut dyn Host);

impl Host for Quiet<'_> {
    fn event(&mut self, _event: Event) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// The candidates of the evolution.
struct LevelSearch<'a, 'h> {
    search: &'a Search<'a>,
    gate: GateOf<'a>,
    options: &'a SearchOptions,
    original: Runner<'a>,
    /// Blocks of the routed model between measurements.
    decoded: Decoded,
    dense: Continuations,
    /// By levels and number of windows.
    known: HashMap<(Levels, usize), f64>,
    journal: Journal<Generation>,
    cancel: CancelCheck,
    host: &'h mut dyn Host,
}

impl LevelSearch<'_, '_> {
    /// The best start.
    fn start(&mut self, windows: usize) -> Result<Levels, RouteError> {
        let Search {
            network,
            weights,
            compute,
            windows: text,
            ..
        } = self.search;
        let (blocks, sparsity) = (network.blocks(), self.options.sparsity);
        let influences = influences(network, *weights, compute, text, &mut Quiet(self.host))?;
        let starts = [
            even_levels(blocks, sparsity, blocks.div_ceil(10)),
            even_levels(blocks, sparsity, 0),
            greedy_levels(&by_influence(&influences), sparsity),
        ];
        let mut best: Option<(f64, Levels)> = None;
        for start in starts {
            let kl = self.badness(&start, windows)?;
            if best.as_ref().is_none_or(|best| kl < best.0) {
                best = Some((kl, start));
            }
        }
        Ok(best.map(|(_, levels)| levels).unwrap_or_default())
    }

    fn keep(&mut self, generation: usize) -> Result<(), RouteError> {
        let mut known: Vec<Known> = self
            .known
            .iter()
            .map(|((levels, windows), kl)| Known {
                levels: levels.clone(),
                windows: *windows,
                kl_bits: kl.to_bits(),
            })
            .collect();
        known.sort_by(|a, b| (&a.levels, a.windows).cmp(&(&b.levels, b.windows)));
        let bytes = serde_json::to_vec(&known).expect("plain data");
        let record = Record::new(MEASURES, MEASURES, Generation { generation });
        Ok(self.journal.replace(record, &[&bytes])?)
    }
}

impl Candidates for LevelSearch<'_, '_> {
    type Candidate = Levels;
    type Error = RouteError;

    fn mutate(&mut self, parent: &Levels, draws: &mut Draws) -> Levels {
        let mut child = parent.clone();
        for _ in 0..1 + draws.below(CHANGES) {
            for _ in 0..TRIES {
                let (up, down) = (draws.below(child.len()), draws.below(child.len()));
                let by = 1 + draws.below(4) as u8;
                if up != down && child[up] + by < LEVELS as u8 && child[down] >= by {
                    child[up] += by;
                    child[down] -= by;
                    break;
                }
            }
        }
        child
    }

    fn badness(&mut self, levels: &Levels, windows: usize) -> Result<f64, RouteError> {
        let key = (levels.clone(), windows);
        if let Some(kl) = self.known.get(&key) {
            return Ok(*kl);
        }
        self.cancel.check(self.host)?;
        let shares =
            Schedule::of_levels(self.search.network, levels).shares(self.search.network)?;
        let gate = (self.gate)(shares);
        let runner = self.search.runner().with_gate(gate.as_ref());
        let mut routed = runner.with_decoded(std::mem::take(&mut self.decoded));
        let host = &*self.host;
        let stop = &mut |_, _| !host.cancelled();
        let (original, pace) = (&mut self.original, Pace::AtOnce);
        let measured = self
            .dense
            .measure(original, &mut routed, windows, pace, stop);
        self.decoded = routed.into_decoded();
        let measured = measured?;
        self.cancel.check_stopped()?;
        let kl = finite::metric("distance", &self.search.weights.model(), measured.kl)?;
        self.known.insert(key, kl);
        Ok(kl)
    }

    fn generation(&mut self, done: usize) -> Result<(), RouteError> {
        self.keep(done)?;
        let (done, total) = (done as u64, self.options.generations as u64);
        let name = format!("generation {done}");
        let event = Event::new(Stage::Search, done, total, "steps", &name);
        self.host.event(event.with_share(done, total));
        Ok(self.cancel.check(self.host)?)
    }
}
