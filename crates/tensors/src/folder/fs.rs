//! Reads model folders of the file system.

use super::links::{self, Entered};
use super::{Folder, names};
use crate::gguf::split;
use crate::{Sink, Source, TensorsError};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Deepest sub-folder that is read. A model has no deeper ones, and a wrong path may be that of a whole disk.
const MAX_DEPTH: usize = 3;
/// Most files that a model folder may hold.
const MAX_FILES: usize = 20_000;
/// Most files and folders behind one link to a folder. A module of a sentence model has a handful. A link to more, such as a data
/// set, is ignored.
const MAX_LINKED: usize = 1_000;
/// Largest file that [`Folder::read`] reads.
pub(super) const MAX_READ_BYTES: u64 = 256 << 20;

/// [`Folder`] on the file system. The path of a single file gives a folder with only that file of weights, and the sidecars
/// beside it.
#[derive(Debug)]
pub struct FsFolder {
    root: PathBuf,
    /// The name of the one file with weights, if the path is that of a file.
    only: Option<String>,
}

impl FsFolder {
    /// Opens the folder or file at `path`. The path of an index file gives its folder. `NOT_FOUND` if nothing is there,
    /// `BROKEN_LINK` for a link to nothing.
    pub fn open(path: &Path) -> Result<Self, TensorsError> {
        let found = fs::metadata(path).map_err(|error| {
            links::broken_link(path)
                .unwrap_or_else(|| TensorsError::from_io(path.display(), &error))
        })?;
        if found.is_dir() {
            return Ok(Self {
                root: path.into(),
                only: None,
            });
        }
        let file = path.file_name().and_then(|name| name.to_str());
        let file = file.ok_or_else(|| TensorsError::NotAModel {
            path: path.display().to_string(),
            reason: "its name is not valid Unicode".into(),
        })?;
        let root = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
            _ => PathBuf::from("."),
        };
        let is_index = file.ends_with(".index.json");
        Ok(Self {
            root,
            only: (!is_index).then(|| file.to_owned()),
        })
    }

    fn path(&self, file: &str) -> Result<PathBuf, TensorsError> {
        names::check(&self.name(), file)?;
        Ok(self.root.join(file))
    }

    /// Adds the files of one folder and of its sub-folders to `found`. Behind a link, `left` limits the number of files and
    /// folders. Returns false if the limit was reached.
    fn walk(
        &self,
        inside: &str,
        depth: usize,
        left: &mut Option<usize>,
        entered: &mut Entered,
        found: &mut Vec<String>,
    ) -> Result<bool, TensorsError> {
        let dir = self.root.join(inside);
        let failed = |error: &std::io::Error| TensorsError::from_io(dir.display(), error);
        for entry in fs::read_dir(&dir).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let relative = match inside {
                "" => name.to_owned(),
                _ => format!("{inside}/{name}"),
            };
            match left {
                Some(0) => return Ok(false),
                Some(count) => *count -= 1,
                None => {}
            }
            let kind = entry.file_type().map_err(|error| failed(&error))?;
            let behind = fs::metadata(entry.path());
            if kind.is_dir() && depth < MAX_DEPTH {
                if !self.walk(&relative, depth + 1, left, entered, found)? {
                    return Ok(false);
                }
            } else if kind.is_symlink() && behind.as_ref().is_ok_and(fs::Metadata::is_dir) {
                let enters = depth < MAX_DEPTH && entered.enter(&entry.path());
                if enters && !self.walk_link(&relative, depth + 1, left, entered, found)? {
                    return Ok(false);
                }
            } else if kind.is_symlink() && behind.is_err() {
                found.push(relative); // A link to nothing. Opening the file reports it.
            } else if behind.is_ok_and(|data| data.is_file()) {
                found.push(relative);
            }
            if found.len() > MAX_FILES {
                return Err(TensorsError::NotAModel {
                    path: self.name(),
                    reason: format!("it holds more than {MAX_FILES} files"),
                });
            }
        }
        Ok(true)
    }

    /// Adds the files of a folder behind a link, or none if the folder has too many for a part of a model. Inside of another link
    /// it shares that link's limit, and returns false if the limit was reached.
    fn walk_link(
        &self,
        inside: &str,
        depth: usize,
        left: &mut Option<usize>,
        entered: &mut Entered,
        found: &mut Vec<String>,
    ) -> Result<bool, TensorsError> {
        if left.is_some() {
            return self.walk(inside, depth, left, entered, found);
        }
        let before = found.len();
        if !self.walk(inside, depth, &mut Some(MAX_LINKED), entered, found)? {
            found.truncate(before);
        }
        Ok(true)
    }
}

impl Folder for FsFolder {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn asked(&self) -> String {
        match &self.only {
            None => self.name(),
            Some(file) if self.root == Path::new(".") => file.clone(),
            Some(file) => self.root.join(file).display().to_string(),
        }
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        let mut found = Vec::new();
        let mut entered = Entered::at(&self.root);
        self.walk("", 0, &mut None, &mut entered, &mut found)?;
        found.retain(|file| is_wanted(self.only.as_deref(), file));
        found.sort_unstable();
        Ok(found)
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        match FsSource::open(&self.path(file)?) {
            Ok(source) => Ok(Arc::new(source)),
            Err(error) => Err(links::broken(&self.root, file).unwrap_or(error)),
        }
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        super::read_small(self.open(file)?.as_ref())
    }
}

/// Whether a file of a model folder is visible: it is not hidden, and not too deep in sub-folders.
pub(super) fn is_shown(file: &str) -> bool {
    file.matches('/').count() <= MAX_DEPTH && !file.split('/').any(|part| part.starts_with('.'))
}

/// Whether a file belongs to the model if the user named the file `only`.
pub(super) fn is_wanted(only: Option<&str>, file: &str) -> bool {
    only.is_none_or(|only| {
        file == only || file.contains('/') || !is_weights(file) || split::same_model(only, file)
    })
}

/// Whether a file at the top of a model folder holds weights or an index of weights. The file of an adapter does not count: it
/// belongs to any model beside it.
fn is_weights(file: &str) -> bool {
    file != crate::files::adapter::WEIGHTS
        && [".safetensors", ".kerf", ".gguf", ".index.json"]
            .iter()
            .any(|end| file.ends_with(end))
}

/// Positioned reads from a file. They do not use the file's own position, so threads do not disturb each other.
#[derive(Debug)]
pub(super) struct FsSource {
    name: String,
    len_bytes: u64,
    file: Handle,
}

#[cfg(any(unix, windows))]
type Handle = File;
#[cfg(not(any(unix, windows)))]
type Handle = std::sync::Mutex<File>;

impl FsSource {
    /// Opens a regular file. `NOT_FOUND` if `path` is anything else, because opening a pipe could wait for ever.
    pub(super) fn open(path: &Path) -> Result<Self, TensorsError> {
        let name = path.display().to_string();
        let failed = |error: &std::io::Error| TensorsError::from_io(&name, error);
        let found = fs::metadata(path).map_err(|error| failed(&error))?;
        if !found.is_file() {
            return Err(TensorsError::NotFound { path: name });
        }
        let file = File::open(path).map_err(|error| failed(&error))?;
        Ok(Self {
            name,
            len_bytes: found.len(),
            #[allow(clippy::useless_conversion)]
            file: file.into(),
        })
    }

    #[cfg(unix)]
    fn read_some(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    fn read_some(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)
    }

    #[cfg(not(any(unix, windows)))]
    fn read_some(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.file.lock().unwrap_or_else(|held| held.into_inner());
        file.seek(SeekFrom::Start(offset))?;
        file.read(buf)
    }
}

impl Source for FsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError> {
        let buf_len = buf.len() as u64;
        let truncated = |actual_bytes| TensorsError::Truncated {
            path: self.name.clone(),
            expected_bytes: offset.saturating_add(buf_len),
            actual_bytes,
        };
        if offset.saturating_add(buf_len) > self.len_bytes {
            return Err(truncated(self.len_bytes));
        }
        let mut done = 0;
        while done < buf.len() {
            match self.read_some(offset + done as u64, &mut buf[done..]) {
                Ok(0) => return Err(truncated(offset + done as u64)), // The file became shorter after it was opened.
                Ok(count) => done += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TensorsError::from_io(&self.name, &error)),
            }
        }
        Ok(())
    }
}

/// Buffered writing to a file.
#[derive(Debug)]
pub(super) struct FsSink {
    name: String,
    file: std::io::BufWriter<File>,
    /// Whether `finish` waits until the content is on the disk. A scratch file need not survive a crash of the machine.
    durable: bool,
}

impl FsSink {
    const BUFFER_BYTES: usize = 1 << 18;

    pub(super) fn new(name: String, file: File, durable: bool) -> Self {
        Self {
            name,
            file: std::io::BufWriter::with_capacity(Self::BUFFER_BYTES, file),
            durable,
        }
    }
}

impl Sink for FsSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| TensorsError::from_io(&self.name, &error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), TensorsError> {
        let mut flushed = self.file.flush();
        if flushed.is_ok() && self.durable {
            flushed = self.file.get_ref().sync_all();
        }
        flushed.map_err(|error| TensorsError::from_io(&self.name, &error))
    }
}

/// Makes the names in a folder durable, if the operating system and the file system can.
pub(super) fn sync_dir(path: &Path) -> Result<(), TensorsError> {
    if !cfg!(unix) {
        return Ok(());
    }
    use std::io::ErrorKind::{InvalidInput, Unsupported};
    match File::open(path).and_then(|dir| dir.sync_all()) {
        Err(error) if !matches!(error.kind(), InvalidInput | Unsupported) => {
            Err(TensorsError::from_io(path.display(), &error))
        }
        _ => Ok(()),
    }
}

/// Makes the missing folders above a file.
pub(super) fn make_parents(path: &Path) -> Result<(), TensorsError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::create_dir_all(parent)
            .map_err(|error| TensorsError::from_io(parent.display(), &error)),
        _ => Ok(()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_disk_full() {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut sink = FsSink::new("out/model.kerf".into(), full, false);
        let big = vec![1; FsSink::BUFFER_BYTES * 2];
        let error = sink.write(&big).unwrap_err();
        assert_eq!(error.code(), "DISK_FULL");
        assert_eq!(error.data().details["path"], "out/model.kerf");
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut sink = Box::new(FsSink::new("x".into(), full, true));
        sink.write(b"small").unwrap();
        assert_eq!(sink.finish().unwrap_err().code(), "DISK_FULL");
    }
}
