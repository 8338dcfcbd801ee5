//! Folders: where a model is read from, where a result goes, and where a job keeps its journal and units.
//! The file-system implementations are here; a browser brings its own.

use crate::{Sink, Source, TensorsError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A model folder to read from. Names are relative, with `/`.
pub trait Folder: Send + Sync {
    /// What to call it in errors.
    fn name(&self) -> String;
    /// All files, recursively, sorted, hidden files and folders left out.
    fn list(&self) -> Result<Vec<String>, TensorsError>;
    /// Opens one file. `NOT_FOUND` if there is none.
    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError>;
    /// The whole of a small file (at most 256 MiB: configuration, tokenizer).
    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError>;
}

/// A result folder that appears under its final name all at once or never.
pub trait OutFolder: Send {
    /// A new file, written beside. Sub-folders in the name are made.
    fn create(&mut self, file: &str) -> Result<Box<dyn Sink>, TensorsError>;
    /// fsync, then rename to the final name. `OUTPUT_EXISTS` if it appeared meanwhile.
    fn commit(self: Box<Self>) -> Result<(), TensorsError>;
    /// Removes what was written. Also what dropping does.
    fn abandon(self: Box<Self>);
}

/// A work folder: small named files that are replaced as a whole, an append-only journal, and scratch for spilled activations.
pub trait Workspace: Send + Sync {
    /// The whole of a file, or `None`.
    fn get(&self, file: &str) -> Result<Option<Vec<u8>>, TensorsError>;
    /// Writes beside and renames: a reader sees the old or the new, never half.
    fn put(&self, file: &str, bytes: &[u8]) -> Result<(), TensorsError>;
    /// Appends one line (without its newline) to a file. A torn last line after a crash is the reader's to ignore.
    fn append_line(&self, file: &str, line: &str) -> Result<(), TensorsError>;
    /// Opens a file for positioned reads, or `None`.
    fn open(&self, file: &str) -> Result<Option<Arc<dyn Source>>, TensorsError>;
    /// A file written as a stream, in place (for spilled activations).
    fn create(&self, file: &str) -> Result<Box<dyn Sink>, TensorsError>;
    /// Removes a file, if it is there.
    fn remove(&self, file: &str) -> Result<(), TensorsError>;
    /// Removes the whole folder.
    fn clear(&self) -> Result<(), TensorsError>;
    /// A stamp that says where this is, for messages.
    fn name(&self) -> String;
}

/// [`Folder`] on the file system. A path to a single file is a folder with just that file (and the folder's sidecar files).
#[derive(Debug)]
pub struct FsFolder {
    root: PathBuf,
}

impl FsFolder {
    /// `NOT_FOUND` if there is nothing at `path`.
    pub fn open(path: &Path) -> Result<Self, TensorsError> {
        todo!("{path:?}")
    }
}

/// [`OutFolder`] on the file system: a hidden temporary sibling, fsynced and renamed.
#[derive(Debug)]
pub struct FsOutFolder {
    root: PathBuf,
}

impl FsOutFolder {
    /// `OUTPUT_EXISTS` if there is anything at `path`.
    pub fn create(path: &Path) -> Result<Self, TensorsError> {
        todo!("{path:?}")
    }
}

/// [`Workspace`] on the file system.
#[derive(Debug)]
pub struct FsWorkspace {
    root: PathBuf,
}

impl FsWorkspace {
    /// Opens or makes the folder.
    pub fn open(path: &Path) -> Result<Self, TensorsError> {
        todo!("{path:?}")
    }
}
