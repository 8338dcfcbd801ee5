//! Folders: where a model is read from, where a result is written, and where a job keeps its journal and its units. There are
//! three implementations: the file system, memory, and files that a host such as a browser provides.

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
pub use instead::Instead;
pub(crate) use lifted::Lifted;
pub use memory::{MemFolder, MemOutFolder, MemSource, MemWorkspace};
pub(crate) use names::is_safe;
pub(crate) use stand_in::{stand_in, stand_in_of};
pub(crate) use with_file::WithFile;

use crate::source::in_pieces;
use crate::{Sink, Source, TensorsError};
use std::sync::Arc;

/// The file of a router's folder that says what the router is.
pub const ROUTER_FILE: &str = "schedule.json";
/// What the field `format` of [`ROUTER_FILE`] says.
pub const ROUTER_MARK: &str = "kerf-router";

/// A model folder to read from. File names are relative, with `/` as separator.
pub trait Folder: Send + Sync {
    /// Name of the folder in errors.
    fn name(&self) -> String;
    /// What the user named: the folder, or one file in it.
    fn asked(&self) -> String {
        self.name()
    }
    /// Names of all files in it and in its sub-folders, sorted. Hidden files and folders are left out.
    fn list(&self) -> Result<Vec<String>, TensorsError>;
    /// Opens one file. `NOT_FOUND` if there is none, `BROKEN_LINK` for a link to nothing.
    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError>;
    /// The content of a small file (at most 256 MiB), such as configuration or tokenizer. `NOT_A_MODEL` if the file is a Git LFS
    /// pointer or a web page instead.
    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError>;
}

/// What happens to a result that exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the run fails with `OUTPUT_EXISTS`.
    #[default]
    Stays,
    /// The new result replaces it when the new result is complete. If kerf did not write the old one, the run fails with
    /// `OUTPUT_EXISTS`.
    GivesWay,
}

impl Existing {
    /// The choice that the option `force` makes.
    pub fn forced(force: bool) -> Self {
        match force {
            true => Self::GivesWay,
            false => Self::Stays,
        }
    }
}

/// A result folder. It appears under its final name complete, or not at all.
pub trait OutFolder: Send {
    /// A new file. Sub-folders in its name are made.
    fn create(&mut self, file: &str) -> Result<Box<dyn Sink>, TensorsError>;
    /// Makes the files durable and renames the folder to its final name; a result that may be replaced is removed.
    /// `OUTPUT_EXISTS` if something else has appeared under that name.
    fn commit(self: Box<Self>) -> Result<(), TensorsError>;
    /// Removes what was written. Dropping the folder does the same.
    fn abandon(self: Box<Self>);
}

/// A work folder. It holds small files that are replaced as a whole, an append-only journal, and scratch files for activations.
pub trait Workspace: Send + Sync {
    /// The content of a file. `None` if there is none.
    fn get(&self, file: &str) -> Result<Option<Vec<u8>>, TensorsError>;
    /// Replaces a file by the concatenation of `pieces`. A reader sees the old content or the new, never a mixture.
    fn put(&self, file: &str, pieces: &[&[u8]]) -> Result<(), TensorsError>;
    /// Appends one line (given without its newline) to a file. After a crash the last line may be torn; readers must ignore such
    /// a line.
    fn append_line(&self, file: &str, line: &str) -> Result<(), TensorsError>;
    /// Opens a file for positioned reads. `None` if there is none.
    fn open(&self, file: &str) -> Result<Option<Arc<dyn Source>>, TensorsError>;
    /// Writes a file as a stream, in place (for activations).
    fn create(&self, file: &str) -> Result<Box<dyn Sink>, TensorsError>;
    /// Removes a file. Nothing happens if there is none.
    fn remove(&self, file: &str) -> Result<(), TensorsError>;
    /// Removes the whole folder.
    fn clear(&self) -> Result<(), TensorsError>;
    /// Where the folder is, for messages.
    fn name(&self) -> String;
}

/// The content of a small source.
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

/// Opens a single file for positioned reads. `NOT_FOUND` if there is no regular file at `path`, `IO` if it is a folder.
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

/// Copies one file of a model folder into a result, in pieces, since it may be larger than memory.
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
