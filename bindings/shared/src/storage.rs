//! Where the paths of a request lead: the file system, or the files of a host that has none.

use kerf_tensors::folder::{
    Existing, FsFolder, FsOutFolder, FsWorkspace, HostFiles, HostedFolder, HostedOutFolder,
    HostedWorkspace, MemSource, open_file, open_hosted_file,
};
use kerf_tensors::{Folder, OutFolder, Source, TensorsError, Workspace};
use std::borrow::Cow;
use std::path::{Path, PathBuf, is_separator};
use std::sync::Arc;

/// Folders and files by path, for reading and writing.
pub trait Storage: Send + Sync {
    /// A model to read: a folder, or a file with the small files beside it. `NOT_FOUND` if there is neither.
    fn folder(&self, path: &str) -> Result<Arc<dyn Folder>, TensorsError>;
    /// A folder for a result. `OUTPUT_EXISTS` if there is anything that does not give way.
    fn out_folder(
        &self,
        path: &str,
        existing: Existing,
    ) -> Result<Box<dyn OutFolder>, TensorsError>;
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
    /// The path as whoever hears of a result can use it.
    fn place(&self, path: &str) -> String {
        path.into()
    }
}

/// The file system of this machine. A path that is `~`, or begins with `~/`, is in the user's home folder.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem;

impl Storage for FileSystem {
    fn folder(&self, path: &str) -> Result<Arc<dyn Folder>, TensorsError> {
        Ok(Arc::new(FsFolder::open(&expanded(path))?))
    }

    fn out_folder(
        &self,
        path: &str,
        existing: Existing,
    ) -> Result<Box<dyn OutFolder>, TensorsError> {
        Ok(Box::new(FsOutFolder::over(&expanded(path), existing)?))
    }

    fn workspace(&self, path: &str) -> Result<Arc<dyn Workspace>, TensorsError> {
        Ok(Arc::new(FsWorkspace::open(&expanded(path))?))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TensorsError> {
        std::fs::read(expanded(path)).map_err(|error| TensorsError::from_io(path, &error))
    }

    fn open(&self, path: &str) -> Result<Box<dyn Source>, TensorsError> {
        let place = expanded(path);
        match std::fs::metadata(&place) {
            // What comes through a pipe cannot be read twice, nor from any place.
            Ok(found) if !found.is_file() && !found.is_dir() => {
                Ok(Box::new(MemSource::new(path, self.read(path)?)))
            }
            _ => open_file(&place),
        }
    }

    fn len_bytes(&self, path: &str) -> Option<u64> {
        std::fs::metadata(expanded(path))
            .ok()
            .map(|file| file.len())
    }

    fn beside(&self, model: &str) -> String {
        let model = expanded(model);
        let real = model.canonicalize().unwrap_or_else(|_| model.to_path_buf());
        // `.` and `..` have no name of their own.
        let base = match model.file_name() {
            Some(_) => &model,
            None => &*real,
        };
        named_beside(base, real.is_file()).display().to_string()
    }

    fn place(&self, path: &str) -> String {
        expanded(path).display().to_string()
    }
}

/// Files of a host.
pub struct Hosted(pub Arc<dyn HostFiles>);

impl Storage for Hosted {
    fn folder(&self, path: &str) -> Result<Arc<dyn Folder>, TensorsError> {
        Ok(Arc::new(HostedFolder::open(self.0.clone(), path)?))
    }

    fn out_folder(
        &self,
        path: &str,
        existing: Existing,
    ) -> Result<Box<dyn OutFolder>, TensorsError> {
        let files = self.0.clone();
        Ok(Box::new(HostedOutFolder::over(files, path, existing)?))
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

/// The path with the home folder in the place of `~`, as a shell would have it; `~user` and `~x.safetensors` are names.
fn expanded(path: &str) -> Cow<'_, Path> {
    let rest = path.strip_prefix('~');
    let inside = rest.filter(|rest| rest.is_empty() || rest.starts_with(is_separator));
    let Some((inside, home)) = inside.zip(std::env::home_dir()) else {
        return Path::new(path).into();
    };
    match inside.trim_start_matches(is_separator) {
        "" => home.into(),
        inside => home.join(inside).into(),
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

    #[test]
    fn a_tilde_at_the_begin_of_a_path_is_the_home_folder() {
        let home = std::env::home_dir().expect("a home");
        assert_eq!(expanded("~"), home);
        assert_eq!(expanded("~/"), home);
        assert_eq!(expanded("~//models/m"), home.join("models/m"));
        for name in ["~somebody/m", "~m.safetensors", "a/~/m", "./~", "", "~~"] {
            assert_eq!(expanded(name), Path::new(name));
        }
        let in_home = |path: &str| home.join(path).display().to_string();
        assert_eq!(FileSystem.beside("~/no-such-m"), in_home("no-such-m-kerf"));
        assert_eq!(FileSystem.place("~/small"), in_home("small"));
        let missing = "~/kerf-test-there-is-no-such-folder";
        let error = FileSystem.folder(missing).err().expect("missing");
        assert!(error.to_string().contains(&in_home("kerf-test")), "{error}");
    }
}
