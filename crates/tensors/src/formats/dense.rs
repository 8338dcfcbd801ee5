//! Dense safetensors: zeros where weights were pruned, values in the element type of the source. Everything loads it.

use super::{Format, copy};
use crate::bytes::as_bytes;
use crate::catalog::{Catalog, Stored, TensorEntry};
use crate::safetensors::OutTensor;
use crate::{DType, Sink, TensorsError};
use kerf_kernels::{Compute, Kernels};
use std::collections::BTreeMap;

/// Row of the table.
pub(super) struct Safetensors;

impl Format for Safetensors {
    fn id(&self) -> &'static str {
        "safetensors"
    }

    fn file_name(&self) -> (&'static str, &'static str) {
        ("model", "safetensors")
    }

    fn plan(&self, entry: &TensorEntry) -> (Vec<OutTensor>, BTreeMap<String, String>) {
        (vec![entry.as_out()], BTreeMap::new())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        // transformers refuses a file that does not say for which framework its layout is.
        BTreeMap::from([("format".to_owned(), "pt".to_owned())])
    }

    fn write(
        &self,
        compute: &Compute,
        catalog: &Catalog,
        entry: &TensorEntry,
        _index: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        if let Stored::Plain(span) = &entry.stored {
            return copy(catalog, span, sink);
        }
        let values = catalog.read_f32(compute, entry)?;
        write_as(&compute.kernels, entry.dtype, &values, sink)
    }
}

/// Values rounded to `dtype`, piece by piece.
fn write_as(
    kernels: &Kernels,
    dtype: DType,
    values: &[f32],
    sink: &mut dyn Sink,
) -> Result<(), TensorsError> {
    if dtype == DType::F32 {
        return sink.write(as_bytes(values));
    }
    let mut narrow = vec![0u16; values.len().min(1 << 20)];
    for piece in values.chunks(1 << 20) {
        let narrow = &mut narrow[..piece.len()];
        match dtype {
            DType::BF16 => kernels.f32_to_bf16(piece, narrow),
            _ => kernels.f32_to_f16(piece, narrow),
        }
        sink.write(as_bytes(narrow))?;
    }
    Ok(())
}
