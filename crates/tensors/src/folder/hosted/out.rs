//! A result folder in the files of the host.

use super::{HostFiles, HostedSink, is_there, join, split};
use crate::folder::{OutFolder, names};
use crate::{Sink, TensorsError};
use std::sync::Arc;

/// [`OutFolder`] over files of the host: a hidden sibling `.NAME.kerf-tmp`, renamed when complete. That two runs do not write
/// the same result at once is for the host to see to.
pub struct HostedOutFolder {
    files: Arc<dyn HostFiles>,
    root: String,
    temporary: Option<String>,
}

impl HostedOutFolder {
    /// `OUTPUT_EXISTS` if there is anything at `path`. What a killed run left is removed.
    pub fn create(files: Arc<dyn HostFiles>, path: &str) -> Result<Self, TensorsError> {
        let (parent, name) = split(path);
        let temporary = format!("{parent}.{name}.kerf-tmp");
        refuse_existing(files.as_ref(), path)?;
        files.remove(&temporary)?;
        Ok(Self {
            root: format!("{parent}{name}"),
            temporary: Some(temporary),
            files,
        })
    }

    fn beside(&self) -> &str {
        self.temporary.as_deref().unwrap_or_default()
    }
}

impl OutFolder for HostedOutFolder {
    fn create(&mut self, file: &str) -> Result<Box<dyn Sink>, TensorsError> {
        names::check(&self.root, file)?;
        HostedSink::create(&self.files, join(self.beside(), file), true)
    }

    fn commit(mut self: Box<Self>) -> Result<(), TensorsError> {
        refuse_existing(self.files.as_ref(), &self.root)?;
        self.files.rename(self.beside(), &self.root)?;
        self.temporary = None;
        Ok(())
    }

    fn abandon(self: Box<Self>) {}
}

impl Drop for HostedOutFolder {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // The clean-up after another error; the next run cleans up again.
            let _ = self.files.remove(&temporary);
        }
    }
}

fn refuse_existing(files: &dyn HostFiles, path: &str) -> Result<(), TensorsError> {
    match is_there(files, path)? {
        true => Err(TensorsError::OutputExists { path: path.into() }),
        false => Ok(()),
    }
}
