//! Forms in which a finished model is written: one file and one row each. `kerf` and dense `safetensors`.

use crate::catalog::{Catalog, TensorEntry};
use crate::safetensors::OutTensor;
use crate::{EncodedTensor, Sink, TensorsError};
use kerf_kernels::Compute;
use std::collections::BTreeMap;

/// One tensor on its way out.
pub enum Outgoing<'a> {
    /// A tensor that stays as it is in the source catalog.
    Plain(&'a Catalog, &'a TensorEntry),
    /// A solved matrix.
    Encoded(&'a EncodedTensor),
}

/// A form of a finished model.
pub trait Format: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// Stem and extension of its files.
    fn file_name(&self) -> (&'static str, &'static str);
    /// The plain tensors that one tensor becomes, and the metadata entries it needs, before its bytes are made.
    fn plan(&self, tensor: &Outgoing<'_>) -> (Vec<OutTensor>, BTreeMap<String, String>);
    /// Metadata for every file.
    fn metadata(&self) -> BTreeMap<String, String>;
    /// Streams the bytes of the plain tensor `index` of those that `plan` named.
    fn write(
        &self,
        compute: &Compute,
        tensor: &Outgoing<'_>,
        index: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError>;
}

/// All formats. Each row runs through the battery of contract tests.
pub fn table() -> &'static [&'static dyn Format] {
    todo!()
}

/// The format of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Format> {
    table().iter().copied().find(|format| format.id() == id)
}
