//! What is done already: one line per finished unit, written after the unit's file. Killed at any moment, a run goes on
//! from here. Nothing is trusted: a unit counts only if its file still has the digest of its line.

use kerf_tensors::{Digest, TensorsError, Workspace};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

const FILE: &str = "journal.jsonl";
/// A journal of another version is cleared.
const VERSION: u32 = 2;

/// One finished unit. `P` is what its owner says of it: a plain struct, whose fields stand beside those of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record<P> {
    /// Which unit, as its owner calls it.
    pub unit: String,
    /// Its file in the work folder.
    pub file: String,
    /// Digest of the file.
    pub digest: String,
    /// What its owner says of it.
    #[serde(flatten)]
    pub payload: P,
}

impl<P> Record<P> {
    /// Of a unit whose file is still to be written: [`Journal::put`] and [`Journal::replace`] fill in the digest.
    pub fn new(unit: impl Into<String>, file: impl Into<String>, payload: P) -> Self {
        Self {
            unit: unit.into(),
            file: file.into(),
            digest: String::new(),
            payload,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    kerf_journal: u32,
    fingerprint: String,
}

/// Finished units of one run.
pub struct Journal<P> {
    workspace: Arc<dyn Workspace>,
    records: HashMap<String, Record<P>>,
}

impl<P: Serialize + DeserializeOwned> Journal<P> {
    /// Reads the journal of the run with that fingerprint; that of another run is cleared. Of a unit with several lines the last one
    /// counts whose file is what it says.
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
        let records = lines.filter_map(|line| serde_json::from_str(line).ok());
        journal.records = sound(journal.workspace.as_ref(), records.collect())?;
        Ok(journal)
    }

    /// Whether a run has kept anything in a work folder.
    pub fn is_in(workspace: &dyn Workspace) -> Result<bool, TensorsError> {
        Ok(workspace.get(FILE)?.is_some())
    }

    /// The folder of the files.
    pub fn workspace(&self) -> &Arc<dyn Workspace> {
        &self.workspace
    }

    /// The record of a unit, if it is done.
    pub fn get(&self, unit: &str) -> Option<&Record<P>> {
        self.records.get(unit)
    }

    /// Whether a unit is done.
    pub fn has(&self, unit: &str) -> bool {
        self.records.contains_key(unit)
    }

    /// Number of finished units.
    pub fn units(&self) -> usize {
        self.records.len()
    }

    /// Writes the file of a unit, piece by piece, then its line.
    pub fn put(&mut self, mut record: Record<P>, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        let mut digest = Digest::default();
        for piece in pieces {
            digest.update(piece);
        }
        record.digest = digest.hex();
        self.workspace.put(&record.file, pieces)?;
        self.commit(record)
    }

    /// The same for a unit that is done again and again, such as the checkpoint of a training: the record takes the place of the one
    /// before. The name of its file gets `a-` or `b-` in front, by turns, so that the file before stays until this one is journalled
    /// and the next is written: what a crash tears costs one turn, and two files are all that there are.
    pub fn replace(&mut self, mut record: Record<P>, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        let [one, other] = turns(&record.file);
        let at_one = self.get(&record.unit).is_some_and(|now| now.file == one);
        record.file = if at_one { other } else { one };
        self.put(record, pieces)
    }

    /// Adds the line of a unit whose file was written already.
    pub fn commit(&mut self, record: Record<P>) -> Result<(), TensorsError> {
        self.append(&record)?;
        self.records.insert(record.unit.clone(), record);
        Ok(())
    }

    /// Keeps plain data as the file of a unit.
    pub fn put_value(
        &mut self,
        record: Record<P>,
        value: &impl Serialize,
    ) -> Result<(), TensorsError> {
        let bytes = serde_json::to_vec(value).map_err(|error| invalid(&record.file, &error))?;
        self.put(record, &[&bytes])
    }

    /// The plain data that is the file of a unit, if it is done.
    pub fn value<T: DeserializeOwned>(&self, unit: &str) -> Result<Option<T>, TensorsError> {
        let Some(record) = self.get(unit) else {
            return Ok(None);
        };
        let bytes = self.workspace.get(&record.file)?.unwrap_or_default();
        let value = serde_json::from_slice(&bytes);
        Ok(Some(value.map_err(|error| invalid(&record.file, &error))?))
    }

    /// Forgets a unit and removes its file.
    pub fn forget(&mut self, unit: &str) -> Result<(), TensorsError> {
        match self.records.remove(unit) {
            Some(record) => self.workspace.remove(&record.file),
            None => Ok(()),
        }
    }

    /// Forgets a unit that was kept by [`Journal::replace`] under that file name, and removes its files.
    pub fn forget_replaced(&mut self, unit: &str, file: &str) -> Result<(), TensorsError> {
        self.records.remove(unit);
        let files = turns(file);
        files
            .iter()
            .try_for_each(|file| self.workspace.remove(file))
    }

    /// Forgets units whose file is gone.
    pub fn forget_missing(&mut self) -> Result<(), TensorsError> {
        let mut gone = Vec::new();
        for (unit, record) in &self.records {
            if self.workspace.open(&record.file)?.is_none() {
                gone.push(unit.clone());
            }
        }
        gone.iter().for_each(|unit| {
            self.records.remove(unit);
        });
        Ok(())
    }

    fn append(&self, value: &impl Serialize) -> Result<(), TensorsError> {
        let line = serde_json::to_string(value).expect("records are plain data");
        self.workspace.append_line(FILE, &line)
    }
}

/// The two names that the file of a unit has by turns.
fn turns(file: &str) -> [String; 2] {
    ["a-", "b-"].map(|turn| format!("{turn}{file}"))
}

/// Of each unit its last record whose file is what the record says.
fn sound<P>(
    workspace: &dyn Workspace,
    records: Vec<Record<P>>,
) -> Result<HashMap<String, Record<P>>, TensorsError> {
    let mut found: HashMap<String, Record<P>> = HashMap::new();
    // A unit that is done again and again has many lines, and two files.
    let mut digests: HashMap<String, Option<String>> = HashMap::new();
    for record in records.into_iter().rev() {
        if found.contains_key(&record.unit) {
            continue;
        }
        if !digests.contains_key(&record.file) {
            let digest = file_digest(workspace, &record.file)?;
            digests.insert(record.file.clone(), digest);
        }
        if digests[&record.file].as_ref() == Some(&record.digest) {
            found.insert(record.unit.clone(), record);
        }
    }
    Ok(found)
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

fn invalid(file: &str, error: &serde_json::Error) -> TensorsError {
    TensorsError::Io {
        path: file.into(),
        kind: "InvalidData".into(),
        reason: error.to_string(),
    }
}
