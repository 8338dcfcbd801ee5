//! A work folder on the file system. One process at a time owns it.

use super::fs::{FsSink, FsSource, make_parents};
use super::lock::{self, Locked};
use super::{Workspace, names};
use crate::{Sink, Source, TensorsError};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const LOCK_FILE: &str = "kerf.lock";

/// [`Workspace`] on the file system. A lock of the operating system keeps other processes out. The lock ends with its process, so
/// a killed run does not block the next one.
#[derive(Debug)]
pub struct FsWorkspace {
    root: PathBuf,
    lock: Mutex<Option<File>>,
    next_temporary: AtomicU32,
}

impl FsWorkspace {
    /// Opens or makes the folder. `WORK_DIR_BUSY` if another run holds its lock.
    pub fn open(path: &Path) -> Result<Self, TensorsError> {
        let workspace = Self {
            root: path.into(),
            lock: Mutex::new(None),
            next_temporary: AtomicU32::new(0),
        };
        workspace.make()?;
        Ok(workspace)
    }

    /// Makes and locks the folder, unless that is done. Every write calls it, because [`Workspace::clear`] removes folder and
    /// lock, and a job that starts anew goes on to write. `WORK_DIR_BUSY` if another run took the lock.
    fn make(&self) -> Result<(), TensorsError> {
        let mut lock = self.lock.lock().unwrap_or_else(|held| held.into_inner());
        if lock.is_some() {
            return Ok(());
        }
        fs::create_dir_all(&self.root)
            .map_err(|error| TensorsError::from_io(self.root.display(), &error))?;
        match lock::try_lock(&self.root.join(LOCK_FILE))? {
            Locked::Yes(file) | Locked::Unsupported(file) => {
                *lock = Some(file);
                Ok(())
            }
            Locked::Busy => Err(TensorsError::WorkDirBusy {
                path: self.root.display().to_string(),
            }),
        }
    }

    fn path(&self, file: &str) -> Result<PathBuf, TensorsError> {
        names::check(&self.name(), file)?;
        Ok(self.root.join(file))
    }

    /// Writes and renames without an fsync. After a power cut a file may be torn; the digests in the journal find that, and the
    /// unit is computed again.
    fn put_at(&self, path: &Path, pieces: &[&[u8]]) -> std::io::Result<()> {
        let n = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".tmp-{n}"));
        let temporary = PathBuf::from(temporary);
        let written = File::create(&temporary)
            .and_then(|mut file| pieces.iter().try_for_each(|piece| file.write_all(piece)))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

impl Workspace for FsWorkspace {
    fn get(&self, file: &str) -> Result<Option<Vec<u8>>, TensorsError> {
        let path = self.path(file)?;
        absent_is_none(
            fs::read(&path).map_err(|error| TensorsError::from_io(path.display(), &error)),
        )
    }

    fn put(&self, file: &str, pieces: &[&[u8]]) -> Result<(), TensorsError> {
        self.make()?;
        let path = self.path(file)?;
        make_parents(&path)?;
        let put = self.put_at(&path, pieces);
        put.map_err(|error| TensorsError::from_io(path.display(), &error))
    }

    fn append_line(&self, file: &str, line: &str) -> Result<(), TensorsError> {
        self.make()?;
        let path = self.path(file)?;
        make_parents(&path)?;
        append(&path, line).map_err(|error| TensorsError::from_io(path.display(), &error))
    }

    fn open(&self, file: &str) -> Result<Option<Arc<dyn Source>>, TensorsError> {
        let source = absent_is_none(FsSource::open(&self.path(file)?))?;
        Ok(source.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn create(&self, file: &str) -> Result<Box<dyn Sink>, TensorsError> {
        self.make()?;
        let path = self.path(file)?;
        make_parents(&path)?;
        let name = path.display().to_string();
        let made = File::create(&path).map_err(|error| TensorsError::from_io(&name, &error))?;
        Ok(Box::new(FsSink::new(name, made, false)))
    }

    fn remove(&self, file: &str) -> Result<(), TensorsError> {
        let path = self.path(file)?;
        let removed =
            fs::remove_file(&path).map_err(|error| TensorsError::from_io(path.display(), &error));
        absent_is_none(removed).map(|_| ())
    }

    fn clear(&self) -> Result<(), TensorsError> {
        let mut lock = self.lock.lock().unwrap_or_else(|held| held.into_inner());
        let removed = remove_all_but_lock(&self.root)
            .and_then(|()| fs::remove_file(self.root.join(LOCK_FILE)))
            .and_then(|()| {
                *lock = None; // Windows keeps a file's name, and its folder, until the file is closed.
                fs::remove_dir(&self.root)
            });
        absent_is_none(removed.map_err(|error| TensorsError::from_io(self.root.display(), &error)))
            .map(|_| ())
    }

    fn name(&self) -> String {
        self.root.display().to_string()
    }
}

fn absent_is_none<T>(result: Result<T, TensorsError>) -> Result<Option<T>, TensorsError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(TensorsError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Appends a line in one write. If the file ends in a torn line, the new line still starts on its own, so that only the torn line
/// is lost.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    let mut last = [b'\n'];
    let is_regular = file.metadata()?.is_file();
    if is_regular && file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let before = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{before}{line}\n").as_bytes())?;
    Ok(())
}

fn remove_all_but_lock(root: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
