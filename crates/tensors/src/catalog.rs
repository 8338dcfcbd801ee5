//! What a model folder holds, from headers alone: every tensor of every shard, plain or packed, and the files beside them.

use crate::kerf::TensorRecord;
use crate::{DType, EncodedTensor, Folder, TensorsError};
use kerf_kernels::Compute;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Where the bytes of one plain tensor are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index into [`Catalog::shards`].
    pub shard: usize,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub len_bytes: u64,
}

/// How a tensor of the model is stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// As a plain tensor.
    Plain(Span),
    /// As an encoded matrix of a kerf container.
    Packed {
        /// Its record.
        record: TensorRecord,
        /// Part name, element type, shape and place of each of its plain tensors.
        parts: Vec<(String, DType, Vec<usize>, Span)>,
    },
}

/// One tensor of the model, under its name in the original model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorEntry {
    /// Name in the original model.
    pub name: String,
    /// Element type in the original model.
    pub dtype: DType,
    /// Shape in the original model.
    pub shape: Vec<usize>,
    /// Where and how it is stored.
    pub stored: Stored,
}

impl TensorEntry {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes it takes in its file, header left out.
    pub fn stored_bytes(&self) -> u64 {
        match &self.stored {
            Stored::Plain(span) => span.len_bytes,
            Stored::Packed { parts, .. } => parts.iter().map(|part| part.3.len_bytes).sum(),
        }
    }
}

/// One safetensors or kerf file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// File name in the folder.
    pub file: String,
    /// Size of the file.
    pub len_bytes: u64,
    /// Size of its header, the eight length bytes included.
    pub header_bytes: u64,
}

/// Everything a model folder holds, from headers alone.
#[derive(Clone)]
pub struct Catalog {
    /// The folder it came from.
    pub folder: Arc<dyn Folder>,
    /// Files with tensors, in the order of their names.
    pub shards: Vec<Shard>,
    /// Tensors, ordered by shard and offset.
    pub tensors: Vec<TensorEntry>,
    /// Other files to carry along (configuration, tokenizer, sentence-transformers folders), with their sizes; the
    /// index file is not among them, since it is written anew.
    pub sidecars: Vec<(String, u64)>,
    /// config.json, if there is one.
    pub config: Option<serde_json::Value>,
    /// "kerf" if any shard is a kerf container, else "safetensors".
    pub form: &'static str,
}

impl Catalog {
    /// Reads headers only. Every rule a header or an index breaks is an error that names the file.
    pub fn open(folder: Arc<dyn Folder>) -> Result<Self, TensorsError> {
        todo!("{}", folder.name())
    }

    /// [`Catalog::open`] on the file system: a folder or a single file.
    pub fn open_path(path: &Path) -> Result<Self, TensorsError> {
        todo!("{path:?}")
    }

    /// The tensor of that name. `TENSOR_MISSING` if there is none.
    pub fn get(&self, name: &str) -> Result<&TensorEntry, TensorsError> {
        todo!("{name}")
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_ok()
    }

    /// The bytes of a plain tensor as they are in the file.
    pub fn read_bytes(&self, entry: &TensorEntry) -> Result<Vec<u8>, TensorsError> {
        todo!("{}", entry.name)
    }

    /// Values of a tensor, converted or decoded, row-major. Whether they are finite is not checked.
    pub fn read_f32(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<Vec<f32>, TensorsError> {
        todo!("{compute:?} {}", entry.name)
    }

    /// Values and SHA-256 (lower-case hex) of the bytes of a plain tensor in one read; hashing runs beside the conversion.
    /// `NON_FINITE` if a value is NaN or infinite. For a packed tensor the digest is the one in its record.
    pub fn read_checked(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<(Vec<f32>, String), TensorsError> {
        todo!("{compute:?} {}", entry.name)
    }

    /// Values of some rows of a matrix [rows, cols], without reading the others. A row is `shape[1..]` elements.
    pub fn read_rows_f32(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        todo!("{compute:?} {} {rows:?}", entry.name)
    }

    /// A packed tensor as stored.
    pub fn read_encoded(&self, entry: &TensorEntry) -> Result<EncodedTensor, TensorsError> {
        todo!("{}", entry.name)
    }

    /// SHA-256 (lower-case hex) of what identifies the model's content: configuration, headers, file sizes and content; files over
    /// 256 MiB are sampled (64 evenly spread pieces of 64 KiB each).
    pub fn fingerprint(&self) -> Result<String, TensorsError> {
        todo!()
    }
}
