//! Folders over the files of a host that has no file system of ours: a browser gives its worker such files.

mod out;
mod read;
mod work;

pub use out::HostedOutFolder;
pub use read::HostedFolder;
pub use work::HostedWorkspace;

use crate::{Sink, Source, TensorsError};
use std::sync::Arc;

/// Files by path, with `/` between the parts. There are no folders but in the names of files. Synchronous.
pub trait HostFiles: Send + Sync {
    /// Paths of all files under a folder, relative to it, in any order; none if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, TensorsError>;
    /// Size of a file, `None` if there is none.
    fn len_bytes(&self, path: &str) -> Result<Option<u64>, TensorsError>;
    /// Reads from `offset` into `buf`; returns how many bytes there were, fewer than asked for only at the end of the file.
    fn read(&self, path: &str, offset: u64, buf: &mut [u8]) -> Result<usize, TensorsError>;
    /// Reads until `buf` is full or nothing more comes; returns how many bytes there were.
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
    /// An empty file, also if there was one.
    fn create(&self, path: &str) -> Result<(), TensorsError>;
    /// Writes all of `bytes` from `offset` on.
    fn write(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), TensorsError>;
    /// Makes what was written durable.
    fn flush(&self, path: &str) -> Result<(), TensorsError>;
    /// Gives a file another path, in place of what was there; or all files under a folder.
    fn rename(&self, from: &str, to: &str) -> Result<(), TensorsError>;
    /// Removes a file, or all files under a folder; nothing if there is neither.
    fn remove(&self, path: &str) -> Result<(), TensorsError>;
}

/// A single file of the host for positioned reads. `NOT_FOUND` if there is none.
pub fn open_hosted_file(
    files: &Arc<dyn HostFiles>,
    path: &str,
) -> Result<Box<dyn Source>, TensorsError> {
    Ok(Box::new(read::HostedSource::open(files, path.into())?))
}

/// Path of a file in a folder; the empty folder is that of paths without `/`.
fn join(folder: &str, file: &str) -> String {
    match folder {
        "" => file.to_owned(),
        folder => format!("{}/{file}", folder.trim_end_matches('/')),
    }
}

/// The folder that a path is in, and its last part; the folder is empty or ends with `/`.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_end_matches('/');
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

fn is_there(files: &dyn HostFiles, path: &str) -> Result<bool, TensorsError> {
    Ok(files.len_bytes(path)?.is_some() || !files.list(path)?.is_empty())
}

/// A file that is written from start to end, in large pieces: each goes through the host.
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
