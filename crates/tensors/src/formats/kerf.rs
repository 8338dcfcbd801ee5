//! The kerf container: solved matrices as parts, everything else as it was.

use super::{Format, Outgoing, copy};
use crate::catalog::{Stored, TensorEntry};
use crate::kerf::{metadata, part_name, record_entry};
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

    fn plan(&self, tensor: &Outgoing<'_>) -> (Vec<OutTensor>, BTreeMap<String, String>) {
        match tensor {
            Outgoing::Plain(_, entry) => plan_stored(entry),
            Outgoing::Encoded(tensor) => tensor.out_tensors(),
        }
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        metadata()
    }

    fn write(
        &self,
        _compute: &Compute,
        tensor: &Outgoing<'_>,
        index: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        match tensor {
            Outgoing::Encoded(tensor) => sink.write(&tensor.parts[index].bytes),
            Outgoing::Plain(catalog, entry) => match &entry.stored {
                Stored::Plain(span) => copy(catalog, span, sink),
                Stored::Packed { parts, .. } => copy(catalog, &parts[index].3, sink),
            },
        }
    }
}

/// A tensor of the source goes out as it came in, encoded or not.
fn plan_stored(entry: &TensorEntry) -> (Vec<OutTensor>, BTreeMap<String, String>) {
    match &entry.stored {
        Stored::Plain(_) => (vec![entry.as_out()], BTreeMap::new()),
        Stored::Packed { record, parts } => {
            let out = |(part, dtype, shape, _): &(String, _, Vec<usize>, _)| OutTensor {
                name: part_name(&entry.name, part),
                dtype: *dtype,
                shape: shape.clone(),
            };
            let record = BTreeMap::from([record_entry(&entry.name, record)]);
            (parts.iter().map(out).collect(), record)
        }
    }
}
