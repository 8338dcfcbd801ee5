//! Links in a model folder: errors for broken links, and the choice of folders behind links to read.

use crate::TensorsError;
use std::fs;
use std::path::{Path, PathBuf};

/// The error for a file that cannot be opened because the file, or a folder above it, is a link to nothing. `file` is relative to
/// `root`. `root` itself is checked as well. `None` if no link is broken.
pub(super) fn broken(root: &Path, file: &str) -> Option<TensorsError> {
    let mut path = root.to_path_buf();
    for part in std::iter::once("").chain(file.split('/')) {
        if !part.is_empty() {
            path.push(part);
        }
        if let Some(error) = broken_link(&path) {
            return Some(error);
        }
    }
    None
}

/// The error for a path that is a link to nothing. `None` for any other path.
pub(super) fn broken_link(path: &Path) -> Option<TensorsError> {
    let target = fs::read_link(path).ok()?;
    match fs::metadata(path) {
        Ok(_) => None,
        Err(_) => Some(TensorsError::BrokenLink {
            path: path.display().to_string(),
            target: target.display().to_string(),
        }),
    }
}

/// The real paths of the folders that were entered: the model's folder and those behind links. No folder is entered twice, so a
/// circle of links ends.
pub(super) struct Entered(Vec<PathBuf>);

impl Entered {
    /// Begins with the folder of the model.
    pub(super) fn at(root: &Path) -> Self {
        Self(fs::canonicalize(root).into_iter().collect())
    }

    /// Whether to read the folder behind a link. The answer is no if it was read already, or if a folder that was entered lies in
    /// it.
    pub(super) fn enter(&mut self, link: &Path) -> bool {
        let Ok(real) = fs::canonicalize(link) else {
            return false;
        };
        if self.0.iter().any(|entered| entered.starts_with(&real)) {
            return false;
        }
        self.0.push(real);
        true
    }
}
