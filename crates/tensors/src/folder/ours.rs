//! Checks that a folder is a result of kerf, which `force` may replace.

use super::{Folder, ROUTER_FILE, ROUTER_MARK};
use crate::safetensors::Header;
use crate::{Source, TensorsError, gguf};

/// Extensions of the files with weights that kerf writes.
const WEIGHTS: [&str; 3] = [".kerf", ".safetensors", ".gguf"];

/// `OUTPUT_EXISTS` unless the headers of all files with weights say that kerf wrote them. `hidden` is a hidden file in the
/// folder. A result has none, so it is an error too.
pub(super) fn check(folder: &dyn Folder, hidden: Option<&str>) -> Result<(), TensorsError> {
    let foreign = |reason: String| TensorsError::OutputForeign {
        path: folder.name(),
        reason,
    };
    if let Some(hidden) = hidden {
        return Err(foreign(format!("{hidden} is in it")));
    }
    let files = folder.list()?;
    let is_weights = |file: &&String| WEIGHTS.iter().any(|end| file.ends_with(end));
    // Files in sub-folders belong to modules, such as a dense layer of a sentence model. A result holds copies of them.
    let weights: Vec<&String> = files
        .iter()
        .filter(|file| !file.contains('/'))
        .filter(is_weights)
        .collect();
    if weights.is_empty() && is_router(folder, &files) {
        return Ok(());
    }
    if weights.is_empty() {
        return Err(foreign("it has no weights of kerf".into()));
    }
    for file in weights {
        // A file that cannot be read counts as not written by kerf.
        let marked = folder
            .open(file)
            .and_then(|source| is_marked(source.as_ref()));
        if !marked.unwrap_or(false) {
            return Err(foreign(format!("{file} is not from kerf")));
        }
    }
    Ok(())
}

fn is_marked(source: &dyn Source) -> Result<bool, TensorsError> {
    if source.name().ends_with(".gguf") {
        return gguf::is_marked(source);
    }
    let header = Header::read(source)?;
    Ok(header.metadata.keys().any(|key| key.starts_with("kerf.")))
}

/// Whether it is a router of kerf, which may have no weights.
fn is_router(folder: &dyn Folder, files: &[String]) -> bool {
    if !files.iter().any(|file| file == ROUTER_FILE) {
        return false;
    }
    let said = folder.read(ROUTER_FILE).ok();
    let said = said.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    said.is_some_and(|said| said["format"] == ROUTER_MARK)
}
