//! Where the paths of a request lead: the file system, or the files of a host that has none.

use kerf_tensors::folder::{
    FsFolder, FsOutFolder, FsWorkspace, HostFiles, HostedFolder, HostedOutFolder, HostedWorkspace,
    open_file, open_hosted_file,
};
use kerf_tensors::{Folder, OutFolder, Source, TensorsError, Workspace};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders and files by path, for reading and writing.
pub trait Storage: Send + Sync {
    /// A model to read: a folder, or a file with the small files beside it. `NOT_FOUND` if there is neither.
    fn folder(&self, path: &str) -> Result<Arc<dyn Folder>, TensorsError>;
    /// A folder for a result. `OUTPUT_EXISTS` if there is anything.
    fn out_folder(&self, path: &str) -> Result<Box<dyn OutFolder>, TensorsError>;
    /// A work folder. `WORK_DIR_BUSY` if another run holds it.
    fn workspace(&self, path: &str) -> Result<Arc<dyn Workspace>, TensorsError>;
    /// The whole of a file. `NOT_FOUND` if there is none.
    fn read(&self, path: &str) -> Result<Vec<u8>, TensorsError>;
    /// A file, to be read a part at a time. `NOT_FOUND` if there is none.
    fn open(&self, path: &str) -> Result<Box<dyn Source>, TensorsError>;
    /// Size of a file, if there is one.
    fn len_bytes(&self, path: &str) -> Option<u64>;
    /// Path of the result of a model for which none was named: NAME-kerf beside the model.
    fn beside(&self, model: &str) -> String;
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem;

impl Storage for FileSystem {
    fn folder(&self, path: &str) -> Result<Arc<dyn Folder>, TensorsError> {
        Ok(Arc::new(FsFolder::open(Path::new(path))?))
    }

    fn out_folder(&self, path: &str) -> Result<Box<dyn OutFolder>, TensorsError> {
        Ok(Box::new(FsOutFolder::create(Path::new(path))?))
    }

    fn workspace(&self, path: &str) -> Result<Arc<dyn Workspace>, TensorsError> {
        Ok(Arc::new(FsWorkspace::open(Path::new(path))?))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TensorsError> {
        std::fs::read(path).map_err(|error| TensorsError::from_io(path, &error))
    }

    fn open(&self, path: &str) -> Result<Box<dyn Source>, TensorsError> {
        match std::fs::metadata(path) {
            // What comes through a pipe cannot be read twice, nor from any place.
            Ok(found) if !found.is_file() && !found.is_dir() => {
                Ok(Box::new(InMemory::new(path, self.read(path)?)))
            }
            _ => open_file(Path::new(path)),
        }
    }

    fn len_bytes(&self, path: &str) -> Option<u64> {
        std::fs::metadata(path).ok().map(|file| file.len())
    }

    fn beside(&self, model: &str) -> String {
        let model = Path::new(model);
        let real = model.canonicalize().unwrap_or_else(|_| model.into());
        // `.` and `..` have no name of their own.
        let base = match model.file_name() {
            Some(_) => model,
            None => &real,
        };
        named_beside(base, real.is_file()).display().to_string()
    }
}

/// Bytes that are in memory.
pub struct InMemory {
    name: String,
    bytes: Vec<u8>,
}

impl InMemory {
    /// `name`: what to call them in errors.
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        let name = name.into();
        Self { name, bytes }
    }
}

impl Source for InMemory {
    fn name(&self) -> &str {
        &self.name
    }

    fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), TensorsError> {
        let end = offset.saturating_add(buf.len() as u64);
        let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
        let bytes = range.and_then(|(offset, end)| self.bytes.get(offset..end));
        let Some(bytes) = bytes else {
            return Err(TensorsError::Truncated {
                path: self.name.clone(),
                expected_bytes: end,
                actual_bytes: self.len_bytes(),
            });
        };
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

/// Files of a host.
pub struct Hosted(pub Arc<dyn HostFiles>);

impl Storage for Hosted {
    fn folder(&self, path: &str) -> Result<Arc<dyn Folder>, TensorsError> {
        Ok(Arc::new(HostedFolder::open(self.0.clone(), path)?))
    }

    fn out_folder(&self, path: &str) -> Result<Box<dyn OutFolder>, TensorsError> {
        Ok(Box::new(HostedOutFolder::create(self.0.clone(), path)?))
    }

    fn workspace(&self, path: &str) -> Result<Arc<dyn Workspace>, TensorsError> {
        Ok(Arc::new(HostedWorkspace::open(self.0.clone(), path)))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TensorsError> {
        let Some(len) = self.0.len_bytes(path)? else {
            return Err(TensorsError::NotFound { path: path.into() });
        };
        let mut bytes = vec![0; len as usize];
        let done = self.0.fill(path, 0, &mut bytes)?;
        bytes.truncate(done);
        Ok(bytes)
    }

    fn open(&self, path: &str) -> Result<Box<dyn Source>, TensorsError> {
        open_hosted_file(&self.0, path)
    }

    fn len_bytes(&self, path: &str) -> Option<u64> {
        self.0.len_bytes(path).ok().flatten()
    }

    fn beside(&self, model: &str) -> String {
        let path = Path::new(model);
        let is_file = self.len_bytes(model).is_some();
        named_beside(path, is_file).display().to_string()
    }
}

fn named_beside(base: &Path, is_file: bool) -> PathBuf {
    let name = match is_file {
        true => base.file_stem(),
        false => base.file_name(),
    };
    let name = name.unwrap_or_default().to_string_lossy();
    base.with_file_name(format!("{name}-kerf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_go_beside_the_model() {
        let folder = tempfile::tempdir().expect("folder");
        let model = folder.path().join("m.v1");
        std::fs::create_dir(&model).expect("folder");
        let file = folder.path().join("x.safetensors");
        std::fs::write(&file, b"").expect("file");
        let real = folder.path().canonicalize().expect("real");
        let beside = |path: &Path| PathBuf::from(FileSystem.beside(path.to_str().expect("UTF-8")));
        assert_eq!(beside(&model), folder.path().join("m.v1-kerf"));
        assert_eq!(beside(&model.join("")), folder.path().join("m.v1-kerf"));
        assert_eq!(
            beside(&model.join("..").join("m.v1").join("..")),
            real.with_file_name(format!(
                "{}-kerf",
                real.file_name().expect("name").to_string_lossy()
            ))
        );
        assert_eq!(beside(&file), folder.path().join("x-kerf"));
    }
}
