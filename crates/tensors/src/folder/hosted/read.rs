//! Reading a model from the files of the host.

use super::{HostFiles, join, split};
use crate::folder::{Folder, fs, names, read_small};
use crate::{Source, TensorsError};
use std::sync::Arc;

/// [`Folder`] over files of the host. The path of a single file gives a folder with only that file of weights, and the sidecars
/// beside it.
pub struct HostedFolder {
    files: Arc<dyn HostFiles>,
    root: String,
    only: Option<String>,
}

impl HostedFolder {
    /// Opens the folder or file at `path`. The path of an index file gives its folder. `NOT_FOUND` if nothing is there.
    pub fn open(files: Arc<dyn HostFiles>, path: &str) -> Result<Self, TensorsError> {
        if files.len_bytes(path)?.is_some() {
            let (root, file) = split(path);
            return Ok(Self {
                only: (!file.ends_with(".index.json")).then(|| file.to_owned()),
                root: root.to_owned(),
                files,
            });
        }
        match files.list(path)?.is_empty() {
            true => Err(TensorsError::NotFound { path: path.into() }),
            false => Ok(Self {
                root: path.to_owned(),
                only: None,
                files,
            }),
        }
    }

    fn path(&self, file: &str) -> Result<String, TensorsError> {
        names::check(&self.root, file)?;
        Ok(join(&self.root, file))
    }
}

impl Folder for HostedFolder {
    fn name(&self) -> String {
        match self.root.trim_end_matches('/') {
            "" => ".".into(),
            root => root.to_owned(),
        }
    }

    fn asked(&self) -> String {
        match &self.only {
            None => self.name(),
            Some(file) => join(&self.root, file),
        }
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let mut found = self.files.list(&self.root)?;
        found.retain(|file| fs::is_shown(file) && fs::is_wanted(self.only.as_deref(), file));
        found.sort_unstable();
        Ok(found)
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        let source = HostedSource::open(&self.files, self.path(file)?)?;
        Ok(Arc::new(source))
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        read_small(self.open(file)?.as_ref())
    }
}

/// Positioned reads from a file of the host.
pub(super) struct HostedSource {
    files: Arc<dyn HostFiles>,
    path: String,
    len_bytes: u64,
}

impl HostedSource {
    /// Opens a file. `NOT_FOUND` if there is none.
    pub(super) fn open(files: &Arc<dyn HostFiles>, path: String) -> Result<Self, TensorsError> {
        match files.len_bytes(&path)? {
            Some(len_bytes) => Ok(Self {
                files: files.clone(),
                path,
                len_bytes,
            }),
            None => Err(TensorsError::NotFound { path }),
        }
    }
}

impl Source for HostedSource {
    fn name(&self) -> &str {
        &self.path
    }

    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError> {
        let end = offset.saturating_add(buf.len() as u64);
        let truncated = |actual_bytes| TensorsError::Truncated {
            path: self.path.clone(),
            expected_bytes: end,
            actual_bytes,
        };
        if end > self.len_bytes {
            return Err(truncated(self.len_bytes));
        }
        match self.files.fill(&self.path, offset, buf)? {
            done if done < buf.len() => Err(truncated(offset + done as u64)), // The file became shorter after it was opened.
            _ => Ok(()),
        }
    }
}
