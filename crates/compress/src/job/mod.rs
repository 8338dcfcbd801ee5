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
mod machine;
mod measure;
pub(crate) mod overlay;
pub(crate) mod probe;
mod range;
mod rate_control;
mod receipt;
pub(crate) mod records;
mod recover;
mod sample;
mod search;
mod share;
mod solve;
mod survey;
mod units;
mod work;
mod write;

pub use share::expected_seconds;

pub(crate) use machine::Machine;
pub(crate) use sample::{Sample, SolvedSample, sample};

use self::blocks::{Walk, forward, statistics};
use self::decisions::{allocate, recall_decisions};
use self::dense::Dense;
use self::measure::measure;
use self::probe::probe;
use self::records::Journal;
use self::search::{search, solve_levels};
use self::solve::{Solver, solve};
use self::survey::survey;
use self::units::{Unit, units};
use self::write::{Places, Written, write};
use crate::CompressError;
use crate::measured::HeldOut;
use crate::plan::Plan;
use crate::prepass::PrepassUnit;
use crate::report::{Report, Work};
use kerf_kernels::{Compute, Stop};
use kerf_model::batches;
use kerf_run::{CancelCheck, Clock, Host, OutFactory, Shares, Step};
use kerf_tensors::{Catalog, Workspace};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a job needs beside its plan.
pub struct JobInputs {
    /// The model that was planned for.
    pub catalog: Catalog,
    /// Calibration sequences of token ids; not looked at by methods without calibration.
    pub calibration: Vec<Vec<u32>>,
    /// Sequences that a whole model is taught on; the calibration if there are none.
    pub taught: Vec<Vec<u32>>,
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

/// A compression that a host drives. Units are functions of what is fixed (the machine), of the plan and of the journal; a few have
/// something at hand between two of them, which a resumed job makes again.
pub struct Job {
    machine: Machine,
    plan: Plan,
    journal: Journal,
    places: Places,
    held: Vec<HeldOut>,
    #[cfg(feature = "train")]
    taught: Vec<Vec<u32>>,
    started: f64,
    units: Vec<Unit>,
    shares: Shares,
    next: usize,
    resumed: usize,
    phases: BTreeMap<String, f64>,
    work: Vec<Work>,
    /// Of units of statistics and forward.
    walk: Walk,
    /// Of units that solve.
    solver: Solver,
    /// How far the dense model has come, before the first matrix is solved.
    dense: Option<Dense>,
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
        let fingerprint = fingerprint::of(
            &inputs.catalog,
            &plan,
            [sequences, &inputs.taught],
            &compute,
        )?;
        let journal = Journal::open(inputs.workspace.clone(), &fingerprint)?;
        let batches = batches(sequences, plan.memory.batch_tokens);
        let held = match plan.calibrated() {
            true => inputs.held,
            false => Vec::new(),
        };
        let units = units(&plan, !held.is_empty());
        let shares = share::shares(&plan, &units, &batches, compute.pool.threads());
        recall_decisions(&mut plan, &journal)?;
        let machine = Machine {
            cancel: CancelCheck::new(compute.pool.clone(), inputs.workspace.name()),
            compute,
            catalog: inputs.catalog,
            network: plan.network.clone(),
            batches,
            clock: inputs.clock,
        };
        let places = Places {
            out: inputs.out,
            name: inputs.out_name,
            beside: inputs.beside,
        };
        let mut job = Self {
            machine,
            plan,
            resumed: journal.units(),
            journal,
            places,
            held,
            #[cfg(feature = "train")]
            taught: inputs.taught,
            started,
            units,
            shares,
            next: 0,
            phases: BTreeMap::new(),
            work: Vec::new(),
            walk: Walk::default(),
            solver: Solver::default(),
            dense: None,
        };
        job.add_time("plan", started);
        Ok(job)
    }

    /// What will happen.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Does the next unit that is not done yet. After an error the job may be stepped again or opened anew: it goes on there.
    pub fn step(&mut self, host: &mut dyn Host) -> Result<Step<Report>, CompressError> {
        while self.units[self.next].is_done(&self.plan, &self.journal) {
            self.next += 1;
        }
        let (unit, begun) = (self.units[self.next], (self.machine.clock)());
        let meter = self.machine.compute.meter.clone();
        let shares = self.shares.clone();
        let mut host = shares.part(self.next, host);
        let done = meter.section(work::REST, || self.run(unit, &mut host));
        self.add_time(unit.phase(), begun);
        let block = unit.block(&self.plan);
        work::add(&mut self.work, unit.phase(), block, meter.take());
        if let Some(seconds) = self.walk.embedding.take() {
            *self.phases.entry("calibrate".into()).or_default() += seconds;
        }
        match done {
            Ok(None) => self.next += 1,
            Ok(Some(written)) => return Ok(Step::Done(Box::new(receipt::report(self, &written)))),
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

    /// Does one unit; the last says what it wrote. What the unit before had at hand goes where this one needs none of it.
    fn run(&mut self, unit: Unit, host: &mut dyn Host) -> Result<Option<Written>, CompressError> {
        let (machine, plan, journal) = (&self.machine, &mut self.plan, &mut self.journal);
        let (walk, solver, dense) = (&mut self.walk, &mut self.solver, &mut self.dense);
        let solves = matches!(unit, Unit::Solve(_));
        if host.cancelled() || !solves {
            solver.flush(journal)?;
        }
        machine.cancel.check(host)?;
        if !solves {
            solver.drop_buffer();
        }
        match unit {
            Unit::Prepass(PrepassUnit::Survey(_) | PrepassUnit::Levels(_)) => {}
            _ => *dense = None,
        }
        match unit {
            Unit::Solve(index) => solve(machine, plan, journal, walk, solver, index, host)?,
            Unit::Prepass(PrepassUnit::Survey(block)) => {
                survey(machine, plan, journal, dense, block, host)?;
            }
            Unit::Prepass(PrepassUnit::Probe) => probe(machine, plan, journal, host)?,
            Unit::Prepass(PrepassUnit::Levels(block)) => {
                solve_levels(machine, plan, journal, dense, block, host)?;
            }
            Unit::Prepass(PrepassUnit::Search) => search(machine, plan, journal, host)?,
            Unit::Allocate => allocate(machine, plan, journal)?,
            Unit::Statistics(block, input) => {
                statistics(machine, plan, journal, walk, block, input, host)?;
            }
            Unit::Forward(block) => forward(machine, plan, journal, walk, block, host)?,
            #[cfg(feature = "train")]
            Unit::Recover(block) => {
                recover::recover_block(machine, plan, journal, walk, block, host)?;
            }
            #[cfg(feature = "train")]
            Unit::RecoverWhole => {
                *walk = Walk::default();
                recover::recover_whole(machine, plan, journal, &self.taught, host)?;
            }
            #[cfg(not(feature = "train"))]
            Unit::Recover(_) | Unit::RecoverWhole => {
                unreachable!("options refuse it in a build that cannot teach")
            }
            Unit::Measure => {
                *walk = Walk::default();
                measure(machine, plan, journal, &self.held, host)?;
            }
            Unit::Write => {
                *walk = Walk::default();
                return write(machine, plan, journal, &self.places, host).map(Some);
            }
        }
        Ok(None)
    }

    fn add_time(&mut self, phase: &str, since: f64) {
        *self.phases.entry(phase.into()).or_default() += (self.machine.clock)() - since;
    }
}

/// A block as people count.
fn block_name(block: usize, blocks: usize) -> String {
    format!("block {} of {blocks}", block + 1)
}
