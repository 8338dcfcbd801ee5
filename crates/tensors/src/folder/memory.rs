//! Folders in memory, for tests and for web pages with small files.

use super::{Folder, OutFolder, Workspace, names, read_small};
use crate::{Sink, Source, TensorsError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

type Files = BTreeMap<String, Arc<Vec<u8>>>;
type Shared = Arc<Mutex<Files>>;

fn locked(files: &Shared) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(|held| held.into_inner())
}

/// A [`Folder`] in memory. Clones share the files.
#[derive(Clone, Debug)]
pub struct MemFolder {
    name: String,
    files: Shared,
}

impl MemFolder {
    /// An empty folder, called `name` in errors.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            files: Shared::default(),
        }
    }

    /// Adds or replaces a file.
    pub fn insert(&self, file: &str, bytes: impl Into<Vec<u8>>) -> &Self {
        locked(&self.files).insert(file.into(), Arc::new(bytes.into()));
        self
    }
}

impl Folder for MemFolder {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let shown = |file: &&String| !file.split('/').any(|part| part.starts_with('.'));
        Ok(locked(&self.files).keys().filter(shown).cloned().collect())
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        names::check(&self.name, file)?;
        let path = format!("{}/{file}", self.name);
        let bytes = locked(&self.files).get(file).cloned();
        match bytes {
            Some(bytes) => Ok(Arc::new(MemSource { name: path, bytes })),
            None => Err(TensorsError::NotFound { path }),
        }
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        read_small(self.open(file)?.as_ref())
    }
}

/// A source whose bytes are in memory.
#[derive(Debug)]
pub struct MemSource {
    name: String,
    bytes: Arc<Vec<u8>>,
}

impl MemSource {
    /// `name` is the source's name in errors.
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes: Arc::new(bytes),
        }
    }
}

impl Source for MemSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError> {
        let end = offset.saturating_add(buf.len() as u64);
        if end > self.len_bytes() {
            return Err(TensorsError::Truncated {
                path: self.name.clone(),
                expected_bytes: end,
                actual_bytes: self.len_bytes(),
            });
        }
        buf.copy_from_slice(&self.bytes[offset as usize..end as usize]);
        Ok(())
    }
}

/// A file in memory. It appears in its folder when it is finished.
#[derive(Debug)]
struct MemSink {
    file: String,
    bytes: Vec<u8>,
    files: Shared,
}

impl Sink for MemSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), TensorsError> {
        locked(&self.files).insert(self.file, Arc::new(self.bytes));
        Ok(())
    }
}

/// An [`OutFolder`] in memory. Its files appear in a [`MemFolder`] on commit.
#[derive(Debug)]
pub struct MemOutFolder {
    target: MemFolder,
    written: Shared,
}

impl MemOutFolder {
    /// A new result. `OUTPUT_EXISTS` if `target` has files.
    pub fn create(target: &MemFolder) -> Result<Self, TensorsError> {
        let out = Self {
            target: target.clone(),
            written: Shared::default(),
        };
        out.refuse_existing().map(|()| out)
    }

    fn refuse_existing(&self) -> Result<(), TensorsError> {
        if locked(&self.target.files).is_empty() {
            return Ok(());
        }
        Err(TensorsError::OutputExists {
            path: self.target.name.clone(),
        })
    }
}

impl OutFolder for MemOutFolder {
    fn create(&mut self, file: &str) -> Result<Box<dyn Sink>, TensorsError> {
        names::check(&self.target.name, file)?;
        Ok(Box::new(MemSink {
            file: file.into(),
            bytes: Vec::new(),
            files: self.written.clone(),
        }))
    }

    fn commit(self: Box<Self>) -> Result<(), TensorsError> {
        self.refuse_existing()?;
        let written = std::mem::take(&mut *locked(&self.written));
        *locked(&self.target.files) = written;
        Ok(())
    }

    fn abandon(self: Box<Self>) {}
}

/// A [`Workspace`] in memory. Clones share the files, so a test can drop one clone and continue with another.
#[derive(Clone, Debug, Default)]
pub struct MemWorkspace {
    files: Shared,
}

impl Workspace for MemWorkspace {
    fn get(&self, file: &str) -> Result<Option<Vec<u8>>, TensorsError> {
        Ok(locked(&self.files).get(file).map(|bytes| bytes.to_vec()))
    }

    fn put(&self, file: &str, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        names::check(&self.name(), file)?;
        locked(&self.files).insert(file.into(), Arc::new(pieces.concat()));
        Ok(())
    }

    fn append_line(&self, file: &str, line: &str) -> Result<(), TensorsError> {
        names::check(&self.name(), file)?;
        let mut files = locked(&self.files);
        let bytes = Arc::make_mut(files.entry(file.into()).or_default());
        if bytes.last().is_some_and(|&last| last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        Ok(())
    }

    fn open(&self, file: &str) -> Result<Option<Arc<dyn Source>>, TensorsError> {
        let bytes = locked(&self.files).get(file).cloned();
        Ok(bytes.map(|bytes| {
            Arc::new(MemSource {
                name: file.into(),
                bytes,
            }) as Arc<dyn Source>
        }))
    }

    fn create(&self, file: &str) -> Result<Box<dyn Sink>, TensorsError> {
        names::check(&self.name(), file)?;
        Ok(Box::new(MemSink {
            file: file.into(),
            bytes: Vec::new(),
            files: self.files.clone(),
        }))
    }

    fn remove(&self, file: &str) -> Result<(), TensorsError> {
        locked(&self.files).remove(file);
        Ok(())
    }

    fn clear(&self) -> Result<(), TensorsError> {
        locked(&self.files).clear();
        Ok(())
    }

    fn name(&self) -> String {
        "memory".into()
    }
}
