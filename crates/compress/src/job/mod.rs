//! The job: a list of idempotent units that a host drives one `step` at a time.
//!
//! Node loops over `step` on a thread of its own, a browser worker can hear "cancel" between steps, a cluster can hand units
//! out. Every solved matrix is written to the work folder and journalled before anything reads it, at the latest while the
//! next one is solved.

pub(crate) mod activations;
mod blocks;
mod decisions;
mod dense;
mod fingerprint;
mod measure;
pub(crate) mod overlay;
pub(crate) mod probe;
mod range;
mod rate_control;
mod receipt;
pub(crate) mod records;
mod sample;
mod search;
mod share;
mod solve;
mod survey;
mod units;
mod work;
mod write;

pub use share::expected_seconds;

pub(crate) use sample::{Sample, SolvedSample};

use crate::CompressError;
use crate::allocate::matrix::InputId;
use crate::job::activations::{Activations, Store};
use crate::job::records::Journal;
use crate::measured::HeldOut;
use crate::methods::Inputs;
use crate::plan::{Plan, solve_unit};
use crate::prepass::PrepassUnit;
use crate::report::{Report, Work};
use kerf_kernels::{Compute, Stop};
use kerf_model::{Batch, Network};
use kerf_run::{CancelCheck, Clock, Host, OutFactory, Shares, Step};
use kerf_tensors::{Catalog, Workspace};
use std::collections::BTreeMap;
use std::sync::Arc;
use units::{Unit, units};

/// What a job needs beside its plan.
pub struct JobInputs {
    /// The model that was planned for.
    pub catalog: Catalog,
    /// Calibration sequences of token ids; not looked at by methods without calibration.
    pub calibration: Vec<Vec<u32>>,
    /// Text that calibration does not see, on which a calibrated run measures its result; the first counts. Without any nothing is measured.
    pub held: Vec<HeldOut>,
    /// Journal and units.
    pub workspace: Arc<dyn Workspace>,
    /// Folder of the result.
    pub out: OutFactory,
    /// Name of the result, for the report.
    pub out_name: String,
    /// Where the result goes if it lost more than `maxLoss` allows, and the name of that.
    pub beside: (OutFactory, String),
    /// Seconds since some fixed moment. (WebAssembly has no clock of its own.)
    pub clock: Clock,
    /// Stops a step in the middle of a unit; the host says `cancelled` then as well.
    pub stop: Stop,
}

/// A compression that a host drives.
pub struct Job {
    catalog: Catalog,
    compute: Compute,
    plan: Plan,
    batches: Vec<Batch>,
    workspace: Arc<dyn Workspace>,
    cancel: CancelCheck,
    journal: Journal,
    out: OutFactory,
    out_name: String,
    beside: (OutFactory, String),
    held: Vec<HeldOut>,
    clock: Clock,
    started: f64,
    units: Vec<Unit>,
    shares: Shares,
    next: usize,
    resumed: usize,
    phases: BTreeMap<String, f64>,
    work: Vec<Work>,
    /// How far the calibration tokens have come.
    activations: Option<Activations>,
    /// How far the dense model has come, before the first matrix is solved.
    dense: Option<dense::Dense>,
    /// Statistics of the shared input that is being solved.
    inputs: Option<(InputId, Inputs)>,
    scratch: solve::Scratch,
    /// The last solved matrix: written while the next one is solved, or before anything reads it.
    pending: Option<solve::Pending>,
}

impl Job {
    /// Fits the plan to the calibration, checks what it could not, and reads the journal. Nothing is computed yet.
    pub fn open(plan: Plan, inputs: JobInputs) -> Result<Self, CompressError> {
        let started = (inputs.clock)();
        let options = &plan.settings.options;
        let Some(compute) = Compute::new(plan.settings.isa, options.threads) else {
            return Err(CompressError::BadOption {
                option: "isa".into(),
                expected: "an instruction set that this machine has (or leave it out)".into(),
                actual: options.isa.clone().unwrap_or_default(),
                reason: String::new(),
            });
        };
        let compute = compute.with_stop(inputs.stop).with_clock(inputs.clock);
        let tokens = inputs.calibration.iter().map(Vec::len).sum();
        let mut plan = plan.with_tokens(&inputs.catalog, tokens)?;
        if plan.calibrated() && tokens == 0 {
            return Err(CompressError::CalibrationEmpty {
                calibration: "no sequences of tokens".into(),
            });
        }
        plan.check_calibration(&inputs.calibration)?;
        drop((inputs.out)()?);
        let sequences: &[Vec<u32>] = if plan.calibrated() {
            &inputs.calibration
        } else {
            &[]
        };
        let fingerprint = fingerprint::of(&inputs.catalog, &plan, sequences, &compute)?;
        let journal = Journal::open(inputs.workspace.clone(), &fingerprint)?;
        let batches = batches(sequences, plan.memory.batch_tokens);
        let held = match plan.calibrated() {
            true => inputs.held,
            false => Vec::new(),
        };
        let units = units(&plan, !held.is_empty());
        let shares = share::shares(&plan, &units, &batches, compute.pool.threads());
        let mut job = Self {
            catalog: inputs.catalog,
            cancel: CancelCheck::new(compute.pool.clone(), inputs.workspace.name()),
            compute,
            plan,
            batches,
            workspace: inputs.workspace,
            resumed: journal.units(),
            journal,
            out: inputs.out,
            out_name: inputs.out_name,
            beside: inputs.beside,
            held,
            clock: inputs.clock,
            started,
            units,
            shares,
            next: 0,
            phases: BTreeMap::new(),
            work: Vec::new(),
            activations: None,
            dense: None,
            inputs: None,
            scratch: solve::Scratch::default(),
            pending: None,
        };
        job.recall_decisions()?;
        job.add_time("plan", started);
        Ok(job)
    }

    /// What will happen.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Does the next unit that is not done yet. After an error the job may be stepped again or opened anew: it goes on there.
    pub fn step(&mut self, host: &mut dyn Host) -> Result<Step<Report>, CompressError> {
        while self.units[self.next] != Unit::Write && self.is_done(self.units[self.next]) {
            self.next += 1;
        }
        let (unit, begun) = (self.units[self.next], (self.clock)());
        let meter = self.compute.meter.clone();
        let mut host = self.shares.part(self.next, host);
        let done = meter.step(work::REST, || self.run(unit, &mut host));
        self.add_time(unit.phase(), begun);
        self.add_work(unit);
        match done {
            Ok(None) => self.next += 1,
            Ok(Some(written)) => return Ok(Step::Done(Box::new(self.report(&written)))),
            Err(error) => {
                if unit == Unit::Write {
                    self.next = 0;
                    self.journal.forget_missing()?;
                }
                return Err(error);
            }
        }
        Ok(Step::Continue)
    }

    /// Does one unit; the last says what it wrote.
    fn run(
        &mut self,
        unit: Unit,
        host: &mut dyn Host,
    ) -> Result<Option<write::Written>, CompressError> {
        if host.cancelled() || !matches!(unit, Unit::Solve(_)) {
            self.flush()?;
        }
        self.check_cancelled(host)?;
        match unit {
            Unit::Solve(index) => self.solve(index, host)?,
            Unit::Prepass(unit) => self.look(unit, host)?,
            Unit::Allocate => self.allocate()?,
            Unit::Statistics(block, input) => self.statistics(block, input, host)?,
            Unit::Forward(block) => self.forward(block, host)?,
            Unit::Measure => self.measure(host)?,
            Unit::Write => return self.write(host).map(Some),
        }
        Ok(None)
    }

    /// Does a piece of a look at the dense model.
    fn look(&mut self, unit: PrepassUnit, host: &mut dyn Host) -> Result<(), CompressError> {
        match unit {
            PrepassUnit::Survey(block) => self.survey(block, host),
            PrepassUnit::Probe => self.probe(host),
            PrepassUnit::Levels(block) => self.solve_levels(block, host),
            PrepassUnit::Search => self.search(host),
        }
    }

    fn has_looked(&self, unit: PrepassUnit) -> bool {
        let decided = self.journal.get(decisions::ALLOCATION);
        match unit {
            PrepassUnit::Survey(block) => {
                self.journal.get(&survey::unit(block)).or(decided).is_some()
            }
            PrepassUnit::Probe => self.journal.get(probe::PROBED).or(decided).is_some(),
            PrepassUnit::Levels(block) => self.levels_done(block),
            PrepassUnit::Search => self.journal.get(search::FOUND).is_some(),
        }
    }

    fn is_done(&self, unit: Unit) -> bool {
        match unit {
            Unit::Solve(index) => self
                .journal
                .get(&solve_unit(&self.matrix(index).name))
                .is_some(),
            Unit::Prepass(unit) => self.has_looked(unit),
            Unit::Allocate => self.journal.get(decisions::ALLOCATION).is_some(),
            Unit::Measure => self.journal.get(measure::MEASURED).is_some(),
            Unit::Statistics(block, input) => {
                let mut readers = self
                    .plan
                    .targets
                    .iter()
                    .filter(|matrix| matrix.input_id() == InputId { block, input });
                readers.all(|matrix| self.journal.get(&solve_unit(&matrix.name)).is_some())
            }
            Unit::Forward(block) => {
                let later = self
                    .plan
                    .targets
                    .iter()
                    .filter(|matrix| matrix.block > block);
                let all_later = later
                    .clone()
                    .all(|matrix| self.journal.get(&solve_unit(&matrix.name)).is_some());
                all_later
                    || (block + 1..self.blocks())
                        .any(|b| self.journal.get(&format!("activations:{b}")).is_some())
            }
            Unit::Write => false,
        }
    }

    fn matrix(&self, index: usize) -> &crate::allocate::matrix::Matrix {
        let embeddings = &self.plan.embeddings;
        embeddings
            .get(index)
            .unwrap_or_else(|| &self.plan.targets[index - embeddings.len()])
    }

    fn network(&self) -> &Network {
        self.plan
            .network
            .as_ref()
            .expect("calibration is planned only for known architectures")
    }

    fn blocks(&self) -> usize {
        self.plan.network.as_ref().map_or(0, Network::blocks)
    }

    fn store(&self) -> Store<'_> {
        let hidden = self.network().hidden();
        Store {
            batches: &self.batches,
            hidden,
            at_once: self.plan.memory.batches_at_once,
            spill: self.plan.memory.spill,
            dense: self.plan.dense_stream(),
            workspace: &self.workspace,
        }
    }

    fn check_cancelled(&self, host: &dyn Host) -> Result<(), CompressError> {
        Ok(self.cancel.check(host)?)
    }

    fn check_stopped(&self) -> Result<(), CompressError> {
        Ok(self.cancel.check_stopped()?)
    }

    fn add_time(&mut self, phase: &str, since: f64) {
        *self.phases.entry(phase.into()).or_default() += (self.clock)() - since;
    }
}

/// A block as people count.
fn block_name(block: usize, blocks: usize) -> String {
    format!("block {} of {blocks}", block + 1)
}

/// Whole sequences, as many to a batch as fit in `limit` tokens (at least one).
fn batches(sequences: &[Vec<u32>], limit: usize) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut start = 0;
    while start < sequences.len() {
        let (mut end, mut tokens) = (start, 0);
        while end < sequences.len() && (end == start || tokens + sequences[end].len() <= limit) {
            tokens += sequences[end].len();
            end += 1;
        }
        batches.push(Batch::new(&sequences[start..end]));
        start = end;
    }
    batches
}
