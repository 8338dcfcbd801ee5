//! The model as far as it is compressed: solved matrices as a reader decodes them from their unit files, the rest from the source.

use crate::job::journal::Journal;
use kerf_kernels::Compute;
use kerf_model::{ModelError, WeightSource};
use kerf_tensors::{Catalog, Folder, Source, TensorsError, Workspace};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Weights of the compressed model so far.
pub struct Overlay<'a> {
    base: &'a Catalog,
    units: HashMap<String, Catalog>,
}

impl<'a> Overlay<'a> {
    /// Solved matrices among `names` come from their unit files. Only headers are read here.
    pub fn open<'n>(
        base: &'a Catalog,
        workspace: &Arc<dyn Workspace>,
        journal: &Journal,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Self, TensorsError> {
        let mut units = HashMap::new();
        for name in names {
            if let Some(record) = journal.get(&crate::plan::solve_unit(name)) {
                units.insert(name.to_string(), unit_catalog(workspace, &record.file)?);
            }
        }
        Ok(Self { base, units })
    }

    fn catalog(&self, name: &str) -> &Catalog {
        self.units.get(name).unwrap_or(self.base)
    }
}

impl WeightSource for Overlay<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.base.shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        self.catalog(name).read(compute, name)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        self.catalog(name).read_rows(compute, name, rows)
    }
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
