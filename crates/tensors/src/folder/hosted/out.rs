//! A result folder in the files of the host.

use super::{HostFiles, HostedFolder, HostedSink, is_there, join, split};
use crate::folder::{Existing, OutFolder, names, ours};
use crate::{Sink, TensorsError};
use std::sync::Arc;

/// [`OutFolder`] over files of the host. It writes to a hidden folder `.NAME.kerf-tmp` beside the final one, and renames it when
/// it is complete. The host must ensure that no two runs write the same result. A result that is replaced is first renamed to
/// `.NAME.kerf-old`. If the page closes before the second rename, the next run puts that result back.
pub struct HostedOutFolder {
    files: Arc<dyn HostFiles>,
    root: String,
    temporary: Option<String>,
    /// The temporary name of a result that is replaced.
    old: String,
    existing: Existing,
}

impl HostedOutFolder {
    /// A new result at `path`. `OUTPUT_EXISTS` if anything is there. Files of a killed run are removed.
    pub fn create(files: Arc<dyn HostFiles>, path: &str) -> Result<Self, TensorsError> {
        Self::over(files, path, Existing::Stays)
    }

    /// [`HostedOutFolder::create`], where `existing` says whether a result at `path` is replaced.
    pub fn over(
        files: Arc<dyn HostFiles>,
        path: &str,
        existing: Existing,
    ) -> Result<Self, TensorsError> {
        let (parent, name) = split(path);
        let (root, old) = (
            format!("{parent}{name}"),
            format!("{parent}.{name}.kerf-old"),
        );
        if is_there(files.as_ref(), &old)? {
            match is_there(files.as_ref(), &root)? {
                true => files.remove(&old)?,
                false => files.rename(&old, &root)?,
            }
        }
        check_place(&files, &root, existing)?;
        let temporary = format!("{parent}.{name}.kerf-tmp");
        files.remove(&temporary)?;
        Ok(Self {
            root,
            temporary: Some(temporary),
            old,
            existing,
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
        check_place(&self.files, &self.root, self.existing)?;
        let gives_way = is_there(self.files.as_ref(), &self.root)?;
        if gives_way {
            self.files.rename(&self.root, &self.old)?;
        }
        if let Err(error) = self.files.rename(self.beside(), &self.root) {
            if gives_way {
                self.files.rename(&self.old, &self.root)?;
            }
            return Err(error);
        }
        self.temporary = None;
        match gives_way {
            true => self.files.remove(&self.old),
            false => Ok(()),
        }
    }

    fn abandon(self: Box<Self>) {}
}

impl Drop for HostedOutFolder {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // This cleans up after another error, and the next run cleans up again.
            let _ = self.files.remove(&temporary);
        }
    }
}

/// `OUTPUT_EXISTS` unless nothing is at `path`, or a result that may be replaced.
fn check_place(
    files: &Arc<dyn HostFiles>,
    path: &str,
    existing: Existing,
) -> Result<(), TensorsError> {
    if !is_there(files.as_ref(), path)? {
        return Ok(());
    }
    let path = path.to_owned();
    if existing == Existing::Stays {
        return Err(TensorsError::OutputExists { path });
    }
    if files.len_bytes(&path)?.is_some() {
        let reason = "it is a file".into();
        return Err(TensorsError::OutputForeign { path, reason });
    }
    ours::check(&HostedFolder::open(files.clone(), &path)?, None)
}
