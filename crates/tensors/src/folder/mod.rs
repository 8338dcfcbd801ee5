//! Folders: where a model is read from, where a result goes, and where a job keeps its journal and units.
//! Here are three implementations: the file system, memory, and files that a host such as a browser gives.

mod fs;
mod fs_out;
mod fs_work;
mod hosted;
mod inside;
mod instead;
mod lifted;
mod links;
mod lock;
mod memory;
mod names;
mod ours;
mod stand_in;
mod with_file;

pub use fs::FsFolder;
pub use fs_out::FsOutFolder;
pub use fs_work::FsWorkspace;
pub use hosted::{HostFiles, HostedFolder, HostedOutFolder, HostedWorkspace, open_hosted_file};
pub use inside::Inside;
pub(crate) use instead::Instead;
pub(crate) use lifted::Lifted;
pub use memory::{MemFolder, MemOutFolder, MemSource, MemWorkspace};
pub(crate) use names::is_safe;
pub(crate) use stand_in::{stand_in, stand_in_of};
pub(crate) use with_file::WithFile;

use crate::source::in_pieces;
use crate::{Sink, Source, TensorsError};
use std::sync::Arc;

/// A model folder to read from. Names are relative, with `/`.
pub trait Folder: Send + Sync {
    /// What to call it in errors.
    fn name(&self) -> String;
    /// What was asked for: the folder, or the one file of it that was named.
    fn asked(&self) -> String {
        self.name()
    }
    /// All files, recursively, sorted, hidden files and folders left out.
    fn list(&self) -> Result<Vec<String>, TensorsError>;
    /// Opens one file. `NOT_FOUND` if there is none, `BROKEN_LINK` if it is a link to nothing.
    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError>;
    /// The whole of a small file (at most 256 MiB: configuration, tokenizer). `NOT_A_MODEL` if a Git LFS pointer or a page lies in its
    /// place.
    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError>;
}

/// What becomes of a result that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays: `OUTPUT_EXISTS`.
    #[default]
    Stays,
    /// The new one takes its place when it is whole, if kerf wrote it; else `OUTPUT_EXISTS`.
    GivesWay,
}

impl Existing {
    /// By the option `force`.
    pub fn forced(force: bool) -> Self {
        match force {
            true => Self::GivesWay,
            false => Self::Stays,
        }
    }
}

/// A result folder that appears under its final name all at once or never.
pub trait OutFolder: Send {
    /// A new file, written beside. Sub-folders in the name are made.
    fn create(&mut self, file: &str) -> Result<Box<dyn Sink>, TensorsError>;
    /// fsync, then rename to the final name, in the place of what gives way. `OUTPUT_EXISTS` if something else appeared meanwhile.
    fn commit(self: Box<Self>) -> Result<(), TensorsError>;
    /// Removes what was written. Also what dropping does.
    fn abandon(self: Box<Self>);
}

/// A work folder: small named files that are replaced as a whole, an append-only journal, and scratch for spilled activations.
pub trait Workspace: Send + Sync {
    /// The whole of a file, or `None`.
    fn get(&self, file: &str) -> Result<Option<Vec<u8>>, TensorsError>;
    /// Writes the pieces, one behind the other, beside and renames: a reader sees the old or the new, never half.
    fn put(&self, file: &str, pieces: &[&[u8]]) -> Result<(), TensorsError>;
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

/// The whole of a source, if it is small.
fn read_small(source: &dyn Source) -> Result<Vec<u8>, TensorsError> {
    if source.len_bytes() > fs::MAX_READ_BYTES {
        return Err(TensorsError::NotAModel {
            path: source.name().to_owned(),
            reason: format!(
                "a file of {} bytes where a small one is expected",
                source.len_bytes()
            ),
        });
    }
    let mut bytes = vec![0; source.len_bytes() as usize];
    source.read_at(0, &mut bytes)?;
    match stand_in(&bytes) {
        None => Ok(bytes),
        Some(reason) => Err(TensorsError::NotAModel {
            path: source.name().to_owned(),
            reason: reason.to_owned(),
        }),
    }
}

/// A single file for positioned reads. `NOT_FOUND` if there is no regular file at `path`, `IO` if it is a folder.
pub fn open_file(path: &std::path::Path) -> Result<Box<dyn Source>, TensorsError> {
    if path.is_dir() {
        return Err(TensorsError::Io {
            path: path.display().to_string(),
            kind: "IsADirectory".into(),
            reason: "it is a folder, where a file is expected".into(),
        });
    }
    Ok(Box::new(fs::FsSource::open(path)?))
}

/// Copies one file of a model folder into a result, a piece at a time: it may be larger than memory.
pub fn copy_file(
    from: &dyn Folder,
    to: &mut dyn OutFolder,
    file: &str,
) -> Result<(), TensorsError> {
    let source = from.open(file)?;
    let mut sink = to.create(file)?;
    in_pieces(source.as_ref(), 0, source.len_bytes(), |piece| {
        sink.write(piece)
    })?;
    sink.finish()
}

/// Writes one small file of a result.
pub fn write_file(to: &mut dyn OutFolder, file: &str, content: &[u8]) -> Result<(), TensorsError> {
    let mut sink = to.create(file)?;
    sink.write(content)?;
    sink.finish()
}
