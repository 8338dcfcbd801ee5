//! The kerf container: solved matrices as parts, everything else as it was.

use super::{Format, copy};
use crate::catalog::{Catalog, Stored, TensorEntry};
use crate::kerf::{is_part_name, metadata, part_name, record_metadata};
use crate::safetensors::OutTensor;
use crate::{Sink, TensorsError};
use kerf_kernels::Compute;
use std::collections::BTreeMap;

/// Row of the table.
pub(super) struct Kerf;

impl Format for Kerf {
    fn id(&self) -> &'static str {
        "kerf"
    }

    fn file_name(&self) -> (&'static str, &'static str) {
        ("model", "kerf")
    }

    fn plan(&self, entry: &TensorEntry) -> (Vec<OutTensor>, BTreeMap<String, String>) {
        let Stored::Packed { record, parts } = &entry.stored else {
            return (vec![entry.as_out()], BTreeMap::new());
        };
        let out = |(part, dtype, shape, _): &(String, _, Vec<usize>, _)| OutTensor {
            name: part_name(&entry.name, part),
            dtype: *dtype,
            shape: shape.clone(),
        };
        let metadata = record_metadata(&entry.name, record);
        (parts.iter().map(out).collect(), metadata)
    }

    fn reserves(&self, name: &str) -> bool {
        is_part_name(name)
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        metadata()
    }

    fn write(
        &self,
        _compute: &Compute,
        catalog: &Catalog,
        entry: &TensorEntry,
        index: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        match &entry.stored {
            Stored::Plain(span) => copy(catalog, span, sink),
            Stored::Packed { parts, .. } => copy(catalog, &parts[index].3, sink),
        }
    }
}
