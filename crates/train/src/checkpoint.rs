//! What a training keeps in its work folder, so that it goes on after a stop as if there had been none.

use crate::exact;
use crate::trainer::Point;
use crate::{Optimizer, TrainError};
use kerf_model::MemoryWeights;
use kerf_run::{Journal, Record};
use kerf_tensors::bytes::{as_bytes, as_bytes_mut};
use kerf_tensors::{SourceReader, TensorsError, Workspace};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Unit and file of the last state.
const STATE: &str = "state";
/// Unit and file of the best weights.
const BEST: &str = "best";

/// Where a training was, beside its arrays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Tokens that were learned from.
    pub tokens: u64,
    /// Sum of the losses of the steps since the last point.
    #[serde(with = "exact")]
    pub since: f64,
    /// Number of these steps.
    pub since_steps: u64,
    /// The way so far.
    pub points: Vec<Point>,
    /// Step of the best weights.
    pub best_step: u64,
    /// Their held-out loss; `None` while there are none.
    #[serde(with = "exact::option")]
    pub best: Option<f64>,
    /// Measurements since then.
    pub worse: usize,
    /// Seconds so far.
    pub seconds: f64,
}

/// The journal of a training: its state, and its best weights.
pub struct Checkpoints {
    journal: Journal<Progress>,
}

impl Checkpoints {
    /// Reads what a training of that fingerprint has kept; that of another is removed.
    pub fn open(workspace: Arc<dyn Workspace>, fingerprint: &str) -> Result<Self, TensorsError> {
        Ok(Self {
            journal: Journal::open(workspace, fingerprint)?,
        })
    }

    /// Whether there are any in a work folder.
    pub fn are_in(workspace: &dyn Workspace) -> Result<bool, TensorsError> {
        Journal::<Progress>::is_in(workspace)
    }

    /// Where they are.
    pub fn name(&self) -> String {
        self.journal.workspace().name()
    }

    /// Where the training was.
    pub fn progress(&self) -> Option<&Progress> {
        self.journal.get(STATE).map(|record| &record.payload)
    }

    /// Keeps the state: weights that learn, their moments, and what else is given, in this order.
    pub fn keep(
        &mut self,
        progress: &Progress,
        weights: &MemoryWeights,
        optimizer: &Optimizer,
        others: &[&mut [f32]],
    ) -> Result<(), TensorsError> {
        let names: Vec<&str> = optimizer.names().collect();
        let mut arrays: Vec<&[f32]> = Vec::with_capacity(3 * names.len());
        for name in names {
            let (first, second) = optimizer.moments(name).unwrap_or_default();
            arrays.extend([weights.get(name).unwrap_or_default(), first, second]);
        }
        arrays.extend(others.iter().map(|array| &**array));
        self.put(STATE, progress, &arrays)
    }

    /// Fills in the state that was kept.
    pub fn recall(
        &self,
        weights: &mut MemoryWeights,
        optimizer: &mut Optimizer,
        others: Vec<&mut [f32]>,
    ) -> Result<(), TrainError> {
        let names: Vec<String> = optimizer.names().map(str::to_owned).collect();
        let mut reader = self.reader(STATE)?;
        let mut fill = |array: &mut [f32]| reader.fill(as_bytes_mut(array));
        for name in &names {
            fill(weights.get_mut(name).unwrap_or_default())?;
            if let Some((first, second)) = optimizer.moments_mut(name) {
                fill(first)?;
                fill(second)?;
            }
        }
        others.into_iter().try_for_each(fill)?;
        optimizer.resume(self.progress().map_or(0, |progress| progress.step));
        Ok(())
    }

    /// Keeps the best weights.
    pub fn keep_best(
        &mut self,
        progress: &Progress,
        weights: &MemoryWeights,
        optimizer: &Optimizer,
    ) -> Result<(), TensorsError> {
        let arrays: Vec<&[f32]> = optimizer
            .names()
            .map(|name| weights.get(name).unwrap_or_default())
            .collect();
        self.put(BEST, progress, &arrays)
    }

    /// Fills in the best weights.
    pub fn recall_best(
        &self,
        weights: &mut MemoryWeights,
        optimizer: &Optimizer,
    ) -> Result<(), TrainError> {
        let mut reader = self.reader(BEST)?;
        for name in optimizer.names() {
            reader.fill(as_bytes_mut(weights.get_mut(name).unwrap_or_default()))?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        unit: &str,
        progress: &Progress,
        arrays: &[&[f32]],
    ) -> Result<(), TensorsError> {
        let record = Record::new(unit, format!("{unit}.f32"), progress.clone());
        let pieces: Vec<&[u8]> = arrays.iter().map(|array| as_bytes(array)).collect();
        self.journal.replace(record, &pieces)
    }

    fn reader(&self, unit: &str) -> Result<SourceReader, TensorsError> {
        let file = self.journal.get(unit).map(|record| record.file.clone());
        let file = file.unwrap_or_else(|| unit.to_owned());
        let source = self.journal.workspace().open(&file)?;
        let source = source.ok_or(TensorsError::NotFound { path: file })?;
        Ok(SourceReader::new(source))
    }
}
