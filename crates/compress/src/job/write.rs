//! The last unit: all files of the result, written beside and renamed.

use super::measure::measured;
use super::{Machine, recover};
use crate::CompressError;
use crate::job::overlay::{unit_catalog, unit_of};
use crate::job::records::Journal;
use crate::measured::Measured;
use crate::plan::Plan;
use crate::plan::metadata::run_metadata;
use crate::plan::solve_unit;
use crate::report::RecoveredPart;
use kerf_run::OutFactory;
use kerf_run::{Event, Host, Stage};
use kerf_tensors::formats::{Output, Replacement};
use kerf_tensors::{Catalog, TensorEntry, TensorsError};

/// Bytes of the result.
pub(super) struct Written {
    /// All files.
    pub total: u64,
    /// The target matrices, with all headers.
    pub targets: u64,
    /// The embeddings.
    pub embeddings: u64,
    /// How close the result is.
    pub measured: Option<Measured>,
    /// What was taught.
    pub recovered: Vec<RecoveredPart>,
    /// What writing found.
    pub notes: Vec<String>,
}

/// Solved matrices in place of those of the source.
struct Units<'a> {
    journal: &'a Journal,
    /// Whether units stay when the result has them.
    keep: bool,
}

/// Where the result goes.
pub(super) struct Places {
    /// As a rule.
    pub out: OutFactory,
    /// Its name, for the report.
    pub name: String,
    /// If it lost more than `maxLoss` allows, and the name of that.
    pub beside: (OutFactory, String),
}

impl Replacement for Units<'_> {
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        let record = unit_of(self.journal, &entry.name);
        let opened = record.map(|record| unit_catalog(self.journal.workspace(), &record.file));
        opened.transpose()
    }

    /// Without calibration a unit is soon solved again, and so much goes through the cache of files that room in it is worth
    /// more: a unit goes as soon as the result has it.
    fn written(&self, entry: &TensorEntry) -> Result<(), TensorsError> {
        let record = self.journal.get(&solve_unit(&entry.name));
        match record.filter(|_| !self.keep) {
            Some(record) => self.journal.workspace().remove(&record.file),
            None => Ok(()),
        }
    }
}

/// Writes and commits. After an error some units may be gone: [`super::Job::step`] looks for what is left.
pub(super) fn write(
    machine: &Machine,
    plan: &Plan,
    journal: &Journal,
    places: &Places,
    host: &mut dyn Host,
) -> Result<Written, CompressError> {
    let keep = plan.calibrated();
    let units = Units { journal, keep };
    let output = Output::plan(
        &machine.catalog,
        &plan.model_info,
        plan.settings.format,
        &units,
        run_metadata(plan),
        plan.settings.options.max_shard_bytes,
        false,
    )?;
    let mut written = written(plan, &output);
    written.measured = measured(journal)?;
    written.recovered = recover::parts(plan, journal)?;
    let over = over_limit(plan, places, written.measured.as_ref());
    let mut out = match over {
        None => (places.out)()?,
        Some(_) => (places.beside.0)()?,
    };
    let mut done = 0;
    output.write(&machine.compute, out.as_mut(), &mut |file, bytes| {
        done += bytes;
        let told = Event::new(Stage::Write, done, written.total, "bytes", file);
        host.event(told.with_share(done, written.total));
        Ok::<_, CompressError>(machine.cancel.check(host)?)
    })?;
    out.commit()?;
    written.notes = output.found();
    journal.workspace().clear()?;
    match over {
        None => Ok(written),
        Some(over) => Err(over),
    }
}

/// The error of a result that lost more than `maxLoss` allows.
fn over_limit(plan: &Plan, places: &Places, measured: Option<&Measured>) -> Option<CompressError> {
    let (limit, measured) = (plan.settings.options.max_loss?, measured?);
    (measured.loss > limit).then(|| CompressError::LossTooHigh {
        loss: measured.loss,
        limit,
        summary: measured.summary.clone(),
        kept: places.beside.1.clone(),
    })
}

fn written(plan: &Plan, output: &Output<'_>) -> Written {
    let tensors = output.tensor_bytes();
    let sum = |embedding: bool| {
        let matrices = plan.matrices().filter(|m| m.embedding == embedding);
        matrices.map(|m| tensors[m.tensor]).sum::<u64>()
    };
    Written {
        total: output.total_bytes(),
        targets: sum(false) + output.header_bytes(),
        embeddings: sum(true),
        measured: None,
        recovered: Vec::new(),
        notes: Vec::new(),
    }
}
