//! Forms in which a finished model is written: one file and one row each. `kerf` and dense `safetensors`.

mod dense;
mod kerf;
mod output;

pub use output::{AsItIs, Output, Replacement, Told};

use crate::catalog::{Catalog, Span, TensorEntry};
use crate::safetensors::OutTensor;
use crate::source::in_pieces;
use crate::{Sink, TensorsError};
use kerf_kernels::Compute;
use std::collections::BTreeMap;

/// A form of a finished model.
pub trait Format: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// Stem and extension of its files.
    fn file_name(&self) -> (&'static str, &'static str);
    /// The plain tensors that one tensor becomes, plain or packed as it is now, and the metadata entries it needs, before
    /// its bytes are made.
    fn plan(&self, entry: &TensorEntry) -> (Vec<OutTensor>, BTreeMap<String, String>);
    /// Whether a tensor of that name would be taken for something else by a reader.
    fn reserves(&self, _name: &str) -> bool {
        false
    }
    /// Metadata for every file.
    fn metadata(&self) -> BTreeMap<String, String>;
    /// Streams the bytes of the plain tensor `index` of those that `plan` named.
    fn write(
        &self,
        compute: &Compute,
        catalog: &Catalog,
        entry: &TensorEntry,
        index: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError>;
}

/// `RESERVED_NAME` if the format cannot store a tensor of the model under its name. Asked before the work starts.
pub fn check_names(format: &dyn Format, catalog: &Catalog) -> Result<(), TensorsError> {
    let reserved = catalog
        .tensors
        .iter()
        .find(|entry| format.reserves(&entry.name));
    reserved.map_or(Ok(()), |entry| {
        Err(TensorsError::ReservedName {
            tensor: entry.name.clone(),
            format: format.id().to_owned(),
        })
    })
}

/// All formats. Each row runs through the battery of contract tests.
pub fn table() -> &'static [&'static dyn Format] {
    &[&kerf::Kerf, &dense::Safetensors]
}

/// The format of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Format> {
    table().iter().copied().find(|format| format.id() == id)
}

/// Copies stored bytes as they are.
fn copy(catalog: &Catalog, span: &Span, sink: &mut dyn Sink) -> Result<(), TensorsError> {
    let source = catalog.source(span);
    in_pieces(source, span.offset, span.len_bytes, |piece| {
        sink.write(piece)
    })
}
