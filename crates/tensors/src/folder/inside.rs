//! A folder inside another folder.

use super::Folder;
use crate::{Source, TensorsError};
use std::sync::Arc;

/// The files under `path` in the folder `base`, with names relative to `path`.
pub struct Inside {
    base: Arc<dyn Folder>,
    /// The path, with `/` at its end.
    path: String,
}

impl Inside {
    /// `path` must be relative, with `/` as separator.
    pub fn new(base: Arc<dyn Folder>, path: &str) -> Self {
        let path = format!("{path}/");
        Self { base, path }
    }

    fn full(&self, file: &str) -> String {
        format!("{}{file}", self.path)
    }
}

impl Folder for Inside {
    fn name(&self) -> String {
        format!("{}/{}", self.base.name(), self.path.trim_end_matches('/'))
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let files = self.base.list()?.into_iter();
        let own = files.filter_map(|file| file.strip_prefix(&self.path).map(str::to_owned));
        Ok(own.collect())
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        self.base.open(&self.full(file))
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        self.base.read(&self.full(file))
    }
}
