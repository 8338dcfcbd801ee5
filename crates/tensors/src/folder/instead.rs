//! A folder that hides some files of another folder and adds files in memory.

use super::{Folder, MemFolder};
use crate::{Source, TensorsError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The files of `base` whose names are in `kept`, and files in memory.
pub(crate) struct Instead {
    base: Arc<dyn Folder>,
    kept: BTreeSet<String>,
    own: MemFolder,
}

impl Instead {
    /// No name may be in both `kept` and `files`.
    pub fn new(
        base: Arc<dyn Folder>,
        kept: BTreeSet<String>,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let own = MemFolder::new(&base.name());
        for (file, bytes) in files {
            own.insert(&file, bytes);
        }
        Self { base, kept, own }
    }

    fn of(&self, file: &str) -> &dyn Folder {
        match self.kept.contains(file) {
            true => self.base.as_ref(),
            false => &self.own,
        }
    }
}

impl Folder for Instead {
    fn name(&self) -> String {
        self.base.name()
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let own = self.own.list()?;
        let all: BTreeSet<String> = self.kept.iter().cloned().chain(own).collect();
        Ok(all.into_iter().collect())
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        self.of(file).open(file)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        self.of(file).read(file)
    }
}
