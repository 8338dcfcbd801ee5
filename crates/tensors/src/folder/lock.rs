//! Advisory locks of the operating system: released when the process ends, however it ends.

use crate::TensorsError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// What came of trying to lock.
pub(super) enum Locked {
    /// This process holds the lock as long as the file is open.
    Yes(File),
    /// Somebody else holds it.
    Busy,
    /// The file system has no locks; nothing is held.
    Unsupported(File),
}

/// Opens or makes the file at `path` and tries to lock it.
pub(super) fn try_lock(path: &Path) -> Result<Locked, TensorsError> {
    // A holder that cleans up removes the file before it lets go of the lock, so what was locked may be a file that has
    // no name any more: then it protects nothing, and the next try makes a new one.
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
