//! What is done already: one line per finished unit, written after the unit's file. Killed at any moment, a job goes on
//! from here. Nothing is trusted: a unit counts only if its file still has the digest of its line.

use crate::report::{LayerReport, Repair};
use kerf_tensors::{Digest, TensorsError, Workspace};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

const FILE: &str = "journal.jsonl";
/// A journal of another version is cleared.
const VERSION: u32 = 2;

/// One finished unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which unit: `solve:NAME` or `activations:BLOCK`.
    pub unit: String,
    /// Its file in the work folder.
    pub file: String,
    /// Digest of the file.
    pub digest: String,
    /// What the report says of it, if it is a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerReport>,
    /// Repairs it took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Repair>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    kerf_journal: u32,
    fingerprint: String,
}

/// Finished units of one job.
pub struct Journal {
    workspace: Arc<dyn Workspace>,
    records: HashMap<String, Record>,
}

impl Journal {
    /// Reads the journal of the job with that fingerprint; that of another job is cleared.
    pub fn open(workspace: Arc<dyn Workspace>, fingerprint: &str) -> Result<Self, TensorsError> {
        let text = workspace.get(FILE)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let head = lines
            .next()
            .and_then(|line| serde_json::from_str::<Head>(line).ok());
        let mut journal = Self {
            workspace,
            records: HashMap::new(),
        };
        if !head.is_some_and(|head| head.kerf_journal == VERSION && head.fingerprint == fingerprint)
        {
            journal.workspace.clear()?;
            let head = Head {
                kerf_journal: VERSION,
                fingerprint: fingerprint.into(),
            };
            journal.append(&head)?;
            return Ok(journal);
        }
        let ended = text.ends_with('\n');
        // A torn last line is not a record; without this newline the next one would be glued to it.
        if !ended {
            journal.workspace.append_line(FILE, "")?;
        }
        for record in lines.filter_map(|line| serde_json::from_str::<Record>(line).ok()) {
            journal.records.insert(record.unit.clone(), record);
        }
        journal.drop_damaged()?;
        Ok(journal)
    }

    /// An empty journal that stands in while the real one is lent out.
    pub fn detached(workspace: &Arc<dyn Workspace>) -> Self {
        Self {
            workspace: workspace.clone(),
            records: HashMap::new(),
        }
    }

    /// The record of a unit, if it is done.
    pub fn get(&self, unit: &str) -> Option<&Record> {
        self.records.get(unit)
    }

    /// Number of finished units.
    pub fn units(&self) -> usize {
        self.records.len()
    }

    /// Writes the file of a unit, piece by piece, then its line.
    pub fn put(&mut self, mut record: Record, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        let mut digest = Digest::default();
        for piece in pieces {
            digest.update(piece);
        }
        record.digest = digest.hex();
        self.workspace.put(&record.file, pieces)?;
        self.commit(record)
    }

    /// Adds the line of a unit whose file was written already.
    pub fn commit(&mut self, record: Record) -> Result<(), TensorsError> {
        self.append(&record)?;
        self.records.insert(record.unit.clone(), record);
        Ok(())
    }

    /// Forgets a unit and removes its file.
    pub fn forget(&mut self, unit: &str) -> Result<(), TensorsError> {
        match self.records.remove(unit) {
            Some(record) => self.workspace.remove(&record.file),
            None => Ok(()),
        }
    }

    fn append(&self, value: &impl Serialize) -> Result<(), TensorsError> {
        let line = serde_json::to_string(value).expect("records are plain data");
        self.workspace.append_line(FILE, &line)
    }

    /// Forgets units whose file is gone.
    pub fn forget_missing(&mut self) -> Result<(), TensorsError> {
        self.keep_if(|workspace, record| Ok(workspace.open(&record.file)?.is_some()))
    }

    /// Forgets units whose file is not what its line says.
    fn drop_damaged(&mut self) -> Result<(), TensorsError> {
        self.keep_if(|workspace, record| {
            Ok(file_digest(workspace, &record.file)?.as_deref() == Some(&record.digest))
        })
    }

    fn keep_if(
        &mut self,
        is_sound: impl Fn(&dyn Workspace, &Record) -> Result<bool, TensorsError>,
    ) -> Result<(), TensorsError> {
        let mut kept = HashMap::new();
        for (unit, record) in &self.records {
            if is_sound(self.workspace.as_ref(), record)? {
                kept.insert(unit.clone(), record.clone());
            }
        }
        self.records = kept;
        Ok(())
    }
}

/// Digest of a file of the work folder, or `None` if it is not there.
fn file_digest(workspace: &dyn Workspace, file: &str) -> Result<Option<String>, TensorsError> {
    let Some(source) = workspace.open(file)? else {
        return Ok(None);
    };
    let mut digest = Digest::default();
    digest.update_from(source.as_ref(), 0, source.len_bytes())?;
    Ok(Some(digest.hex()))
}
