//! A result folder on the file system: written as a hidden sibling, renamed when complete.

use super::fs::{FsSink, make_parents, sync_dir};
use super::lock::{self, Locked};
use super::{OutFolder, names};
use crate::{Sink, TensorsError};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// [`OutFolder`] on the file system: a hidden temporary sibling `.NAME.kerf-tmp-PID-N`, fsynced and renamed.
///
/// A lock file beside the sibling tells a living run from one that was killed; what a killed run left is removed by the
/// next one with the same name.
#[derive(Debug)]
pub struct FsOutFolder {
    root: PathBuf,
    temporary: PathBuf,
    /// Folders in which files were made, relative to `temporary`.
    folders: BTreeSet<PathBuf>,
    lock: Option<(PathBuf, File)>,
}

impl FsOutFolder {
    /// `OUTPUT_EXISTS` if there is anything at `path`. Missing parents are made.
    pub fn create(path: &Path) -> Result<Self, TensorsError> {
        let root = std::path::absolute(path)
            .map_err(|error| TensorsError::from_io(path.display(), &error))?;
        refuse_existing(&root)?;
        make_parents(&root)?;
        let prefix = temporary_prefix(&root);
        remove_stale(&root, &prefix);
        let (temporary, lock) = make_temporary(&root, &prefix)?;
        Ok(Self {
            root,
            temporary,
            folders: BTreeSet::new(),
            lock: Some(lock),
        })
    }

    fn remove(&mut self) {
        // Errors are not reported: this is the clean-up after another error, and the next run cleans up again.
        if let Some((path, lock)) = self.lock.take() {
            let _ = fs::remove_dir_all(&self.temporary);
            let _ = fs::remove_file(path);
            drop(lock);
        }
    }

    fn publish(&mut self) -> Result<(), TensorsError> {
        for folder in &self.folders {
            sync_dir(&self.temporary.join(folder))?;
        }
        sync_dir(&self.temporary)?;
        refuse_existing(&self.root)?;
        fs::rename(&self.temporary, &self.root).map_err(|error| {
            // On Unix a folder replaces an empty one; anything else that appeared since the check makes rename fail.
            match refuse_existing(&self.root) {
                Err(exists) => exists,
                Ok(()) => TensorsError::from_io(self.root.display(), &error),
            }
        })?;
        if let Some((path, lock)) = self.lock.take() {
            let _ = fs::remove_file(path);
            drop(lock);
        }
        self.root.parent().map_or(Ok(()), sync_dir)
    }
}

impl OutFolder for FsOutFolder {
    fn create(&mut self, file: &str) -> Result<Box<dyn Sink>, TensorsError> {
        names::check(&self.root.display().to_string(), file)?;
        let path = self.temporary.join(file);
        let shown = self.root.join(file).display().to_string();
        make_parents(&path)?;
        for parent in Path::new(file).ancestors().skip(1) {
            self.folders.insert(parent.to_owned());
        }
        let made =
            File::create_new(&path).map_err(|error| TensorsError::from_io(&shown, &error))?;
        Ok(Box::new(FsSink::new(shown, made, true)))
    }

    fn commit(mut self: Box<Self>) -> Result<(), TensorsError> {
        self.publish() // On failure, dropping self removes the temporary folder.
    }

    fn abandon(self: Box<Self>) {}
}

impl Drop for FsOutFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

fn refuse_existing(path: &Path) -> Result<(), TensorsError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(TensorsError::OutputExists {
            path: path.display().to_string(),
        }),
        Err(_) => Ok(()),
    }
}

fn temporary_prefix(root: &Path) -> String {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.kerf-tmp-")
}

/// Makes and locks a temporary sibling of `root`.
fn make_temporary(root: &Path, prefix: &str) -> Result<(PathBuf, (PathBuf, File)), TensorsError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    for _ in 0..1000 {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let lock_path = root.with_file_name(format!("{prefix}{pid}-{n}.lock"));
        let (Locked::Yes(lock) | Locked::Unsupported(lock)) = lock::try_lock(&lock_path)? else {
            continue;
        };
        let temporary = root.with_file_name(format!("{prefix}{pid}-{n}"));
        match fs::create_dir(&temporary) {
            Ok(()) => return Ok((temporary, (lock_path, lock))),
            Err(error) => {
                let _ = fs::remove_file(&lock_path);
                if error.kind() != std::io::ErrorKind::AlreadyExists {
                    return Err(TensorsError::from_io(temporary.display(), &error));
                }
            }
        }
    }
    Err(TensorsError::OutputExists {
        path: root.with_file_name(prefix).display().to_string(),
    })
}

/// Removes what killed runs with the same output left behind. Errors are not reported: it is somebody else's rubbish.
fn remove_stale(root: &Path, prefix: &str) {
    let Some(entries) = root.parent().and_then(|parent| fs::read_dir(parent).ok()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(folder) = name
            .strip_suffix(".lock")
            .filter(|name| name.starts_with(prefix))
        else {
            continue;
        };
        if let Ok(Locked::Yes(lock)) = lock::try_lock(&entry.path()) {
            let _ = fs::remove_dir_all(root.with_file_name(folder));
            let _ = fs::remove_file(entry.path());
            drop(lock);
        }
    }
}
