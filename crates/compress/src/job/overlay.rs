//! The model as far as it is compressed: solved matrices as a reader decodes them from their unit files, the rest from the source.

use crate::job::records::Journal;
use kerf_kernels::Compute;
use kerf_model::{ModelError, WeightSource};
use kerf_tensors::{Catalog, Folder, Source, TensorsError, Workspace};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A model in which some matrices come from catalogs of their own, by name: as a rule those of the compressed model so far.
pub struct Overlay<'a, C = Catalog> {
    base: &'a Catalog,
    replaced: HashMap<String, C>,
}

impl<'a> Overlay<'a> {
    /// Solved matrices among `names` come from their unit files. Only headers are read here.
    pub fn open<'n>(
        base: &'a Catalog,
        workspace: &Arc<dyn Workspace>,
        journal: &Journal,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Self, TensorsError> {
        let mut replaced = HashMap::new();
        for name in names {
            if let Some(record) = journal.get(&crate::plan::solve_unit(name)) {
                replaced.insert(name.to_string(), unit_catalog(workspace, &record.file)?);
            }
        }
        Ok(Self::new(base, replaced))
    }
}

impl<'a, C: Borrow<Catalog>> Overlay<'a, C> {
    /// `base` with the matrices of these names out of the catalogs beside them.
    pub fn new(base: &'a Catalog, replaced: HashMap<String, C>) -> Self {
        Self { base, replaced }
    }

    fn catalog(&self, name: &str) -> &Catalog {
        self.replaced.get(name).map_or(self.base, C::borrow)
    }
}

impl<C: Borrow<Catalog> + Send + Sync> WeightSource for Overlay<'_, C> {
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
