//! Writing in two phases: the plan decides every file and header before a byte of content exists, then each is streamed.

use crate::{DType, OutFolder, Sink, TensorsError};
use std::collections::BTreeMap;

/// A tensor that will be written: its size is known before its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutTensor {
    /// Name in the file.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
}

/// One file of a plan: complete header, and the tensors whose bytes follow, in order.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// File name.
    pub file: String,
    /// Length prefix and JSON header, padded to 8 bytes.
    pub header: Vec<u8>,
    /// Tensors in the order in which their bytes must be streamed.
    pub tensors: Vec<OutTensor>,
}

/// All files of a model, decided before a byte of content is written.
#[derive(Clone, Debug)]
pub struct WritePlan {
    /// Files in order.
    pub files: Vec<PlannedFile>,
    /// The index file (name, content), if there is more than one file.
    pub index: Option<(String, String)>,
}

/// Plans the files. `units`: tensors that must stay in one file together (a matrix and its parts), in the order in which they
/// will be streamed, each with the metadata entries that go into the header of its file. `metadata` goes into every header.
/// `stem`/`extension`: "model"/"safetensors" gives model.safetensors or model-00001-of-00002.safetensors and
/// model.safetensors.index.json. A unit larger than `max_file_bytes` gets a file of its own.
pub fn plan_files(
    stem: &str,
    extension: &str,
    units: &[(Vec<OutTensor>, BTreeMap<String, String>)],
    metadata: &BTreeMap<String, String>,
    max_file_bytes: u64,
) -> WritePlan {
    todo!("{stem} {extension} {units:?} {metadata:?} {max_file_bytes}")
}

/// Streams one planned file. `next` gives the bytes of each tensor in turn; a wrong length is a bug and panics.
pub fn stream_file(
    out: &mut dyn OutFolder,
    file: &PlannedFile,
    next: &mut dyn FnMut(&OutTensor, &mut dyn Sink) -> Result<(), TensorsError>,
) -> Result<(), TensorsError> {
    let _ = (out, file, next);
    todo!()
}
