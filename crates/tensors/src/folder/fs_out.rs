//! A result folder on the file system. It is written under a hidden name beside its final place and renamed when it is complete.

use super::fs::{FsSink, make_parents, sync_dir};
use super::lock::{self, Locked};
use super::{Existing, FsFolder, OutFolder, names, ours};
use crate::{Sink, TensorsError};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// [`OutFolder`] on the file system. It writes to a hidden folder `.NAME.kerf-tmp-PID-N` beside the final one, then fsyncs and
/// renames it.
///
/// A lock file beside the hidden folder shows that the run is alive. The next run with the same output removes what a killed run
/// left behind. A result that is replaced is first renamed to `.NAME.kerf-tmp-PID-N.old`. If a run is killed between the two
/// renames, the next run puts that result back.
/// the two renames, the next one puts it back.
#[derive(Debug)]
pub struct FsOutFolder {
    root: PathBuf,
    temporary: PathBuf,
    existing: Existing,
    /// Folders in which files were created, relative to `temporary`.
    folders: BTreeSet<PathBuf>,
    lock: Option<(PathBuf, File)>,
}

impl FsOutFolder {
    /// A new result at `path`. `OUTPUT_EXISTS` if anything is there. Missing parents are made.
    pub fn create(path: &Path) -> Result<Self, TensorsError> {
        Self::over(path, Existing::Stays)
    }

    /// [`FsOutFolder::create`], where `existing` says whether a result at `path` is replaced.
    pub fn over(path: &Path, existing: Existing) -> Result<Self, TensorsError> {
        let root = std::path::absolute(path)
            .map_err(|error| TensorsError::from_io(path.display(), &error))?;
        let prefix = temporary_prefix(&root);
        remove_stale(&root, &prefix);
        check_place(&root, existing)?;
        make_parents(&root)?;
        let (temporary, lock) = make_temporary(&root, &prefix)?;
        Ok(Self {
            root,
            temporary,
            existing,
            folders: BTreeSet::new(),
            lock: Some(lock),
        })
    }

    fn remove(&mut self) {
        // Errors are ignored: this cleans up after another error, and the next run cleans up again.
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
        check_place(&self.root, self.existing)?;
        let failed = |error: &std::io::Error| TensorsError::from_io(self.root.display(), error);
        let old = old_of(&self.temporary);
        let gives_way = self.existing == Existing::GivesWay && self.root.exists();
        if gives_way {
            fs::rename(&self.root, &old).map_err(|error| failed(&error))?;
        }
        if let Err(error) = fs::rename(&self.temporary, &self.root) {
            if gives_way {
                fs::rename(&old, &self.root).map_err(|error| failed(&error))?;
                return Err(failed(&error));
            }
            // On Unix a rename replaces an empty folder. Anything else that appeared since the check makes the rename fail.
            check_place(&self.root, Existing::Stays)?;
            return Err(failed(&error));
        }
        if gives_way {
            // If the removal fails, the old files stay beside a complete result.
            let _ = fs::remove_dir_all(&old);
        }
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
        self.publish() // If this fails, dropping self removes the temporary folder.
    }

    fn abandon(self: Box<Self>) {}
}

impl Drop for FsOutFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

/// `OUTPUT_EXISTS` unless nothing is at `path`, or a result that may be replaced.
fn check_place(path: &Path, existing: Existing) -> Result<(), TensorsError> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let shown = path.display().to_string();
    if existing == Existing::Stays {
        return Err(TensorsError::OutputExists { path: shown });
    }
    if !found.is_dir() {
        let reason = match found.is_symlink() {
            true => "it is a link",
            false => "it is a file",
        };
        return Err(TensorsError::OutputForeign {
            path: shown,
            reason: reason.into(),
        });
    }
    ours::check(&FsFolder::open(path)?, hidden_in(path).as_deref())
}

/// The name of a hidden file or sub-folder. The notes of the macOS Finder do not count.
fn hidden_in(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.find(|name| name.starts_with('.') && name != ".DS_Store")
}

/// Where the old result is kept while the folder `temporary` takes its place.
fn old_of(temporary: &Path) -> PathBuf {
    let mut name = temporary.file_name().unwrap_or_default().to_owned();
    name.push(".old");
    temporary.with_file_name(name)
}

fn temporary_prefix(root: &Path) -> String {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.kerf-tmp-")
}

/// Turns an error about a temporary file, which the user did not name, into an error about the result.
fn beside(root: &Path, error: TensorsError) -> TensorsError {
    let (kind, reason) = match error {
        TensorsError::Io { kind, reason, .. } => (kind, reason),
        TensorsError::NotFound { .. } => {
            ("NotFound".into(), "the system takes no file here".into())
        }
        other => return other,
    };
    TensorsError::Io {
        path: root.display().to_string(),
        kind,
        reason: format!("nothing can be written beside it ({reason}); name another `out`"),
    }
}

/// Makes and locks a temporary folder beside `root`.
fn make_temporary(root: &Path, prefix: &str) -> Result<(PathBuf, (PathBuf, File)), TensorsError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    for _ in 0..1000 {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let lock_path = root.with_file_name(format!("{prefix}{pid}-{n}.lock"));
        let locked = lock::try_lock(&lock_path).map_err(|error| beside(root, error))?;
        let (Locked::Yes(lock) | Locked::Unsupported(lock)) = locked else {
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

/// Removes what killed runs with the same output left behind. Errors are ignored, because these files do not concern the present
/// run.
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
            let temporary = root.with_file_name(folder);
            let old = old_of(&temporary);
            // The run was killed between its two renames, so nothing has the final name.
            if fs::symlink_metadata(root).is_err() && old.exists() {
                let _ = fs::rename(&old, root);
            }
            let _ = fs::remove_dir_all(old);
            let _ = fs::remove_dir_all(temporary);
            let _ = fs::remove_file(entry.path());
            drop(lock);
        }
    }
}
