//! Advisory file locks of the operating system. They are released when their process ends, for whatever reason.

use crate::TensorsError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// The result of trying to lock a file.
pub(super) enum Locked {
    /// This process holds the lock as long as the file is open.
    Yes(File),
    /// Another process holds the lock.
    Busy,
    /// The file system has no locks, so nothing is locked.
    Unsupported(File),
}

/// Opens or makes the file at `path` and tries to lock it.
pub(super) fn try_lock(path: &Path) -> Result<Locked, TensorsError> {
    // A process that cleans up removes the file before it releases the lock. The file that was locked here may therefore have no
    // name any more. Such a lock protects nothing, so the next try makes a new file.
    for _ in 0..16 {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|error| TensorsError::from_io(path.display(), &error))?;
        match file.try_lock() {
            Ok(()) if is_same_file(&file, path) => return Ok(Locked::Yes(file)),
            Ok(()) => continue,
            Err(TryLockError::WouldBlock) => return Ok(Locked::Busy),
            Err(TryLockError::Error(_)) => return Ok(Locked::Unsupported(file)),
        }
    }
    Ok(Locked::Busy)
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}
