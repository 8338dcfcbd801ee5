//! Links in a model folder: where a broken one leads, and which folders behind links are looked into.

use crate::TensorsError;
use std::fs;
use std::path::{Path, PathBuf};

/// The error for a file that cannot be opened because it, or a folder that it lies in, is a link to nothing. `file` is relative to
/// `root`, which is itself looked at.
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

/// The error for a path that is a link to nothing.
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

/// The folders that were entered by a link or lie above one, by their real paths: none is entered twice, so that links in a circle end.
pub(super) struct Entered(Vec<PathBuf>);

impl Entered {
    /// At the folder of the model.
    pub(super) fn at(root: &Path) -> Self {
        Self(fs::canonicalize(root).into_iter().collect())
    }

    /// Whether to look into the folder behind a link: not if the model lies in it, nor if it was looked into already.
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
