//! A folder with one file added or replaced.

use super::{Folder, MemFolder};
use crate::{Source, TensorsError};
use std::sync::Arc;

/// See [`crate::Catalog::with_sidecar`].
pub(crate) struct WithFile {
    base: Arc<dyn Folder>,
    file: String,
    content: MemFolder,
}

impl WithFile {
    pub fn new(base: Arc<dyn Folder>, file: &str, bytes: Vec<u8>) -> Self {
        let content = MemFolder::new(&base.name());
        content.insert(file, bytes);
        Self {
            base,
            file: file.to_owned(),
            content,
        }
    }

    fn of(&self, file: &str) -> &dyn Folder {
        match file == self.file {
            true => &self.content,
            false => self.base.as_ref(),
        }
    }
}

impl Folder for WithFile {
    fn name(&self) -> String {
        self.base.name()
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let mut files = self.base.list()?;
        if let Err(at) = files.binary_search(&self.file) {
            files.insert(at, self.file.clone());
        }
        Ok(files)
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        self.of(file).open(file)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        self.of(file).read(file)
    }
}
