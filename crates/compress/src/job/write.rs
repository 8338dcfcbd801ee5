//! The last unit: all files of the result, written beside and renamed.

use super::Job;
use crate::CompressError;
use crate::job::overlay::unit_catalog;
use crate::measured::Measured;
use crate::plan::metadata::run_metadata;
use crate::plan::solve_unit;
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
    /// What writing found.
    pub notes: Vec<String>,
}

/// Solved matrices in place of those of the source.
struct Units<'a>(&'a Job);

impl Replacement for Units<'_> {
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        let record = self.0.journal.get(&solve_unit(&entry.name));
        let opened = record.map(|record| unit_catalog(&self.0.workspace, &record.file));
        opened.transpose()
    }

    /// Without calibration a unit is soon solved again, and so much goes through the cache of files that room in it is worth
    /// more: a unit goes as soon as the result has it.
    fn written(&self, entry: &TensorEntry) -> Result<(), TensorsError> {
        let record = self.0.journal.get(&solve_unit(&entry.name));
        match record.filter(|_| !self.0.plan.calibrated()) {
            Some(record) => self.0.workspace.remove(&record.file),
            None => Ok(()),
        }
    }
}

impl Job {
    /// Writes and commits. After an error some units may be gone: [`Job::step`] looks for what is left.
    pub(super) fn write(&mut self, host: &mut dyn Host) -> Result<Written, CompressError> {
        self.activations = None;
        self.inputs = None;
        let units = Units(self);
        let output = Output::plan(
            &self.catalog,
            &self.plan.model_info,
            self.plan.settings.format,
            &units,
            run_metadata(&self.plan),
            self.plan.settings.options.max_shard_bytes,
            false,
        )?;
        let mut written = self.written(&output);
        written.measured = self.measured()?;
        let over = self.over_limit(written.measured.as_ref());
        let mut out = match over {
            None => (self.out)()?,
            Some(_) => (self.beside.0)()?,
        };
        let mut done = 0;
        output.write(&self.compute, out.as_mut(), &mut |file, bytes| {
            done += bytes;
            let told = Event::new(Stage::Write, done, written.total, "bytes", file);
            host.event(told.with_share(done, written.total));
            self.check_cancelled(host)
        })?;
        out.commit()?;
        written.notes = output.found();
        self.workspace.clear()?;
        match over {
            None => Ok(written),
            Some(over) => Err(over),
        }
    }

    /// The error of a result that lost more than `maxLoss` allows.
    fn over_limit(&self, measured: Option<&Measured>) -> Option<CompressError> {
        let (limit, measured) = (self.plan.settings.options.max_loss?, measured?);
        (measured.loss > limit).then(|| CompressError::LossTooHigh {
            loss: measured.loss,
            limit,
            summary: measured.summary.clone(),
            kept: self.beside.1.clone(),
        })
    }

    fn written(&self, output: &Output<'_>) -> Written {
        let tensors = output.tensor_bytes();
        let sum = |embedding: bool| {
            let matrices = self.plan.matrices().filter(|m| m.embedding == embedding);
            matrices.map(|m| tensors[m.tensor]).sum::<u64>()
        };
        Written {
            total: output.total_bytes(),
            targets: sum(false) + output.header_bytes(),
            embeddings: sum(true),
            measured: None,
            notes: Vec::new(),
        }
    }
}
