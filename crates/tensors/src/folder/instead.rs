//! A folder that hides some files of another folder and adds files of its own.

use super::{Folder, MemSource, read_small};
use crate::{Source, TensorsError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The files of a folder whose names are kept, and other files.
pub struct Instead {
    base: Arc<dyn Folder>,
    kept: BTreeSet<String>,
    own: BTreeMap<String, Arc<dyn Source>>,
}

impl Instead {
    /// No file of its own yet.
    pub fn new(base: Arc<dyn Folder>, kept: BTreeSet<String>) -> Self {
        Self {
            base,
            kept,
            own: BTreeMap::new(),
        }
    }

    /// With one more file, which goes before a kept file of that name.
    pub fn with(mut self, file: &str, content: Arc<dyn Source>) -> Self {
        self.kept.remove(file);
        self.own.insert(file.to_owned(), content);
        self
    }

    /// [`Instead::with`] a file in memory.
    pub fn with_bytes(self, file: &str, bytes: Vec<u8>) -> Self {
        let name = format!("{}/{file}", self.base.name());
        self.with(file, Arc::new(MemSource::new(&name, bytes)))
    }
}

impl Folder for Instead {
    fn name(&self) -> String {
        self.base.name()
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let all: BTreeSet<&String> = self.kept.iter().chain(self.own.keys()).collect();
        Ok(all.into_iter().cloned().collect())
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        match (self.own.get(file), self.kept.contains(file)) {
            (Some(own), _) => Ok(own.clone()),
            (None, true) => self.base.open(file),
            (None, false) => Err(TensorsError::NotFound {
                path: format!("{}/{file}", self.base.name()),
            }),
        }
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        match self.own.get(file) {
            None if self.kept.contains(file) => self.base.read(file),
            _ => read_small(self.open(file)?.as_ref()),
        }
    }
}
