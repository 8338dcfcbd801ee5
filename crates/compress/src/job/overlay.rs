//! The model as far as it is compressed: solved matrices as a reader decodes them from their unit files, the rest from the source.

use crate::job::records::{Journal, Record};
use kerf_model::Overlay;
use kerf_tensors::{Catalog, Folder, Source, TensorsError, Workspace};
use std::sync::Arc;

/// The source `base` with those matrices among `names` that are solved, out of their unit files. Only headers are read here.
pub fn solved_over<'a, 'n>(
    base: &'a Catalog,
    journal: &Journal,
    names: impl Iterator<Item = &'n str>,
) -> Result<Overlay<'a>, TensorsError> {
    let mut overlay = Overlay::new(base);
    for name in names {
        if let Some(record) = unit_of(journal, name) {
            let unit = unit_catalog(journal.workspace(), &record.file)?;
            overlay.replace(name, Arc::new(unit));
        }
    }
    Ok(overlay)
}

/// Name of the unit of a tensor that learned.
pub(crate) fn recovered_unit(name: &str) -> String {
    format!("recovered:{name}")
}

/// The unit that a tensor comes from: what it learned, else what its solver left.
pub(crate) fn unit_of<'j>(journal: &'j Journal, name: &str) -> Option<&'j Record> {
    let learned = journal.get(&recovered_unit(name));
    learned.or_else(|| journal.get(&crate::plan::solve_unit(name)))
}

/// The matrix of one unit file, from its header.
pub(crate) fn unit_catalog(
    workspace: &Arc<dyn Workspace>,
    file: &str,
) -> Result<Catalog, TensorsError> {
    Catalog::open(Arc::new(UnitFolder {
        workspace: workspace.clone(),
        file: file.into(),
    }))
}

/// One unit file, seen as a model folder of its own.
struct UnitFolder {
    workspace: Arc<dyn Workspace>,
    file: String,
}

impl Folder for UnitFolder {
    fn name(&self) -> String {
        self.workspace.name()
    }

    fn list(&self) -> Result<Vec<String>, TensorsError> {
        Ok(vec![self.file.clone()])
    }

    fn open(&self, file: &str) -> Result<Arc<dyn Source>, TensorsError> {
        self.workspace
            .open(file)?
            .ok_or_else(|| TensorsError::NotFound { path: file.into() })
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, TensorsError> {
        self.workspace
            .get(file)?
            .ok_or_else(|| TensorsError::NotFound { path: file.into() })
    }
}
