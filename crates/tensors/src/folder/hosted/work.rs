//! A work folder in the files of the host.

use super::read::HostedSource;
use super::{HostFiles, HostedSink, join};
use crate::folder::{Workspace, names};
use crate::{Sink, Source, TensorsError};
use std::sync::Arc;

/// [`Workspace`] over files of the host. The host must ensure that no two runs use it at the same time.
pub struct HostedWorkspace {
    files: Arc<dyn HostFiles>,
    root: String,
}

impl HostedWorkspace {
    /// The work folder at `path`, which may be empty.
    pub fn open(files: Arc<dyn HostFiles>, path: &str) -> Self {
        Self {
            files,
            root: path.trim_end_matches('/').to_owned(),
        }
    }

    fn path(&self, file: &str) -> Result<String, TensorsError> {
        names::check(&self.root, file)?;
        Ok(join(&self.root, file))
    }

    fn source(&self, file: &str) -> Result<Option<HostedSource>, TensorsError> {
        match HostedSource::open(&self.files, self.path(file)?) {
            Ok(source) => Ok(Some(source)),
            Err(TensorsError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put_at(&self, path: &str, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        let mut sink = HostedSink::create(&self.files, path.to_owned(), false)?;
        pieces.iter().try_for_each(|piece| sink.write(piece))?;
        sink.finish()
    }
}

impl Workspace for HostedWorkspace {
    fn get(&self, file: &str) -> Result<Option<Vec<u8>>, TensorsError> {
        let Some(source) = self.source(file)? else {
            return Ok(None);
        };
        let mut bytes = vec![0; source.len_bytes() as usize];
        source.read_at(0, &mut bytes).map(|()| Some(bytes))
    }

    fn put(&self, file: &str, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        let path = self.path(file)?;
        let temporary = format!("{path}.tmp");
        let put = self
            .put_at(&temporary, pieces)
            .and_then(|()| self.files.rename(&temporary, &path));
        if put.is_err() {
            let _ = self.files.remove(&temporary);
        }
        put
    }

    /// Appends a line. If the file ends in a torn line, the new line still starts on its own, so that only the torn line is lost.
    fn append_line(&self, file: &str, line: &str) -> Result<(), TensorsError> {
        let path = self.path(file)?;
        let end = match self.files.len_bytes(&path)? {
            Some(end) => end,
            None => self.files.create(&path).map(|()| 0)?,
        };
        let mut last = [b'\n'];
        if end > 0 {
            self.files.read(&path, end - 1, &mut last)?;
        }
        let before = if last == [b'\n'] { "" } else { "\n" };
        let text = format!("{before}{line}\n");
        self.files.write(&path, end, text.as_bytes())
    }

    fn open(&self, file: &str) -> Result<Option<Arc<dyn Source>>, TensorsError> {
        let source = self.source(file)?;
        Ok(source.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn create(&self, file: &str) -> Result<Box<dyn Sink>, TensorsError> {
        HostedSink::create(&self.files, self.path(file)?, false)
    }

    fn remove(&self, file: &str) -> Result<(), TensorsError> {
        self.files.remove(&self.path(file)?)
    }

    fn clear(&self) -> Result<(), TensorsError> {
        self.files.remove(&self.root)
    }

    fn name(&self) -> String {
        self.root.clone()
    }
}
