//! Folders over the files of a host. In a browser, the page gives its worker such files, because a module has no file system.

mod out;
mod read;
mod work;

pub use out::HostedOutFolder;
pub use read::HostedFolder;
pub use work::HostedWorkspace;

use crate::{Sink, Source, TensorsError};
use std::sync::Arc;

/// Files by path, with `/` as separator. Folders exist only as parts of paths. All methods are synchronous.
pub trait HostFiles: Send + Sync {
    /// Paths of all files under a folder, relative to the folder, in any order. Empty if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, TensorsError>;
    /// Size of a file in bytes. `None` if there is no such file.
    fn len_bytes(&self, path: &str) -> Result<Option<u64>, TensorsError>;
    /// Reads from `offset` into `buf` and returns the number of bytes. It is smaller than `buf` only at the end of the file.
    fn read(&self, path: &str, offset: u64, buf: &mut [u8]) -> Result<usize, TensorsError>;
    /// Reads until `buf` is full or the file ends. Returns the number of bytes.
    fn fill(&self, path: &str, offset: u64, buf: &mut [u8]) -> Result<usize, TensorsError> {
        let mut done = 0;
        while done < buf.len() {
            match self.read(path, offset + done as u64, &mut buf[done..])? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }
    /// Creates an empty file. It replaces an existing one.
    fn create(&self, path: &str) -> Result<(), TensorsError>;
    /// Writes all of `bytes` from `offset` on.
    fn write(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), TensorsError>;
    /// Makes the written bytes durable.
    fn flush(&self, path: &str) -> Result<(), TensorsError>;
    /// Renames a file, or all files under a folder. An existing file with the new name is replaced.
    fn rename(&self, from: &str, to: &str) -> Result<(), TensorsError>;
    /// Removes a file, or all files under a folder. Nothing happens if neither exists.
    fn remove(&self, path: &str) -> Result<(), TensorsError>;
}

/// Opens a single file of the host for positioned reads. `NOT_FOUND` if there is none.
pub fn open_hosted_file(
    files: &Arc<dyn HostFiles>,
    path: &str,
) -> Result<Box<dyn Source>, TensorsError> {
    Ok(Box::new(read::HostedSource::open(files, path.into())?))
}

/// Path of a file in a folder. With an empty folder it is the name of the file.
fn join(folder: &str, file: &str) -> String {
    match folder {
        "" => file.to_owned(),
        folder => format!("{}/{file}", folder.trim_end_matches('/')),
    }
}

/// Splits a path into its folder (empty, or with `/` at the end) and its last part.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_end_matches('/');
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

fn is_there(files: &dyn HostFiles, path: &str) -> Result<bool, TensorsError> {
    Ok(files.len_bytes(path)?.is_some() || !files.list(path)?.is_empty())
}

/// A file that is written from start to end. Each call of the host writes a large piece.
struct HostedSink {
    files: Arc<dyn HostFiles>,
    path: String,
    buffer: Vec<u8>,
    written: u64,
    durable: bool,
}

impl HostedSink {
    const BUFFER_BYTES: usize = 1 << 18;

    fn create(
        files: &Arc<dyn HostFiles>,
        path: String,
        durable: bool,
    ) -> Result<Box<dyn Sink>, TensorsError> {
        files.create(&path)?;
        Ok(Box::new(Self {
            files: files.clone(),
            path,
            buffer: Vec::new(),
            written: 0,
            durable,
        }))
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<(), TensorsError> {
        self.files.write(&self.path, self.written, bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn empty(&mut self) -> Result<(), TensorsError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            self.pass(&buffer)?;
            buffer.clear();
        }
        self.buffer = buffer;
        Ok(())
    }
}

impl Sink for HostedSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError> {
        if self.buffer.len() + bytes.len() > Self::BUFFER_BYTES {
            self.empty()?;
        }
        if bytes.len() >= Self::BUFFER_BYTES {
            return self.pass(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), TensorsError> {
        self.empty()?;
        match self.durable {
            true => self.files.flush(&self.path),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_and_joined_at_their_last_part() {
        assert_eq!(join("a/b/", "c"), "a/b/c");
        assert_eq!(
            (join("", "c").as_str(), join("/", "c").as_str()),
            ("c", "/c")
        );
        assert_eq!(split("a/b"), ("a/", "b"));
        assert_eq!(split("/b/"), ("/", "b"));
        assert_eq!(split("b"), ("", "b"));
    }
}
