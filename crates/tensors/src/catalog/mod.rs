//! The catalog of a model folder, built from headers alone: every tensor of every shard, plain or packed, and the files beside
//! the weights.

mod adapter;
mod adapter_head;
mod adapter_names;
mod choose;
mod compact;
mod content;
mod fingerprint;
mod foreign;
mod gguf;
mod index;
mod merged;
mod pack_quantized;
mod packed;
mod plain;
mod quantized;
mod read;
mod same;
mod sidecars;

pub use foreign::ForeignMatrix;
pub use merged::Merged;

use content::Content;

use crate::files::quantization::Foreign;
use crate::files::{ModelFiles, Quantization, parse, pipeline};
use crate::folder::{FsFolder, Lifted, WithFile};
use crate::kerf::TensorRecord;
use crate::safetensors::OutTensor;
use crate::{DType, Folder, Grid, Source, TensorsError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// The place of one plain tensor in a file.
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
    /// A plain tensor.
    Plain(Span),
    /// An encoded matrix of a kerf container.
    Packed {
        /// The record of the matrix.
        record: TensorRecord,
        /// Name, element type, shape and place of each plain tensor that the matrix is stored as.
        parts: Vec<(String, DType, Vec<usize>, Span)>,
    },
    /// A matrix in the codes of another format.
    Foreign(ForeignMatrix),
    /// A plain tensor that an adapter changes. The change is computed when the tensor is read.
    Merged(Merged),
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
    /// Where the tensor is stored, and how.
    pub stored: Stored,
}

impl TensorEntry {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether the tensor has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Name, type and shape of this tensor when it is written as a plain one.
    pub(crate) fn as_out(&self) -> OutTensor {
        OutTensor {
            name: self.name.clone(),
            dtype: self.dtype,
            shape: self.shape.clone(),
        }
    }
    /// Number of bytes that the tensor takes in its file, without the header.
    pub fn stored_bytes(&self) -> u64 {
        match &self.stored {
            Stored::Plain(span) => span.len_bytes,
            Stored::Packed { parts, .. } => parts.iter().map(|part| part.3.len_bytes).sum(),
            Stored::Foreign(foreign) => foreign.stored_bytes(),
            Stored::Merged(merged) => merged.stored_bytes(),
        }
    }

    /// The grid of the tensor's codes. `None` if it is stored as floats.
    pub fn grid(&self) -> Option<Grid> {
        match &self.stored {
            Stored::Plain(_) | Stored::Merged(_) => None,
            Stored::Packed { record, .. } => record.grid(),
            Stored::Foreign(foreign) => foreign.grid,
        }
    }
}

/// One safetensors, kerf or GGUF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// File name in the folder.
    pub file: String,
    /// Size of the file.
    pub len_bytes: u64,
    /// Size of the header, including the eight bytes of its length.
    pub header_bytes: u64,
}

/// Everything a model folder holds, from headers alone.
#[derive(Clone)]
pub struct Catalog {
    /// The folder that the catalog was read from.
    pub folder: Arc<dyn Folder>,
    /// Files with tensors, sorted by name. The file of an adapter comes last.
    pub shards: Vec<Shard>,
    /// Tensors in the order of their shards and offsets. A tensor that an adapter changes keeps the place that it has in the
    /// model.
    pub tensors: Vec<TensorEntry>,
    /// Other files that a copy of the model needs (configuration, tokenizer, sentence-transformers folders), with their sizes in
    /// bytes. The index file is not among them, because a result gets a new index.
    pub sidecars: Vec<(String, u64)>,
    /// Size of the index file in bytes. 0 without an index.
    pub index_bytes: u64,
    /// The description of the model by the small files beside the weights.
    pub files: ModelFiles,
    /// "kerf" if any shard is a kerf container, else "compressed-tensors", "gguf" or "safetensors".
    pub form: &'static str,
    /// Metadata of the first shard about the whole model, without the records of matrices.
    pub metadata: BTreeMap<String, String>,
    /// The open shards.
    sources: Vec<Arc<dyn Source>>,
    /// Index in `tensors` by name.
    by_name: HashMap<String, usize>,
    /// Tensors that an adapter changes, as they are in the model without it.
    originals: Vec<TensorEntry>,
    /// See [`Catalog::is_compressed`].
    compressed: bool,
    /// The reason why the model can only be looked at. [`Catalog::open`] returns it as its error.
    refusal: Option<TensorsError>,
    /// Sidecars that were made from the header of a GGUF file, and that no file of the folder holds.
    made: BTreeSet<String>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Catalog")
            .field("folder", &self.folder.name())
            .field("shards", &self.shards)
            .field("tensors", &self.tensors)
            .finish_non_exhaustive()
    }
}

impl Catalog {
    /// Reads headers only.
    ///
    /// # Errors
    /// An error that names the file, for every rule that a header or an index breaks. `ALREADY_QUANTIZED` for weights that
    /// another program quantized, unless kerf reads the scheme. `GGUF_UNSUPPORTED` for a GGUF file that needs what kerf does not
    /// support.
    pub fn open(folder: Arc<dyn Folder>) -> Result<Self, TensorsError> {
        let mut catalog = Self::look(folder)?;
        if let Some(refusal) = catalog.refusal.take() {
            return Err(refusal);
        }
        match catalog.foreign() {
            None => Ok(catalog),
            Some(foreign) => Err(TensorsError::AlreadyQuantized {
                path: catalog.folder.name(),
                scheme: foreign.scheme.clone(),
                evidence: foreign.evidence.clone(),
                fix: foreign.fix().into(),
            }),
        }
    }

    /// [`Catalog::open`] for callers that only show the model. A model that another program quantized is no error: it is shown as
    /// it is stored.
    pub fn look(folder: Arc<dyn Folder>) -> Result<Self, TensorsError> {
        let files = folder.list()?;
        let (folder, files) = transformer_at_top(folder, files)?;
        let mut index_bytes = 0;
        let (asked, class) = (folder.asked(), || class_of(folder.as_ref(), &files));
        let chosen = choose::weights(&asked, asked != folder.name(), &files, &class);
        let (shard_files, index) = match chosen? {
            choose::Weights::Files(found) => (found, None),
            choose::Weights::Index(file) => {
                let index = index::read(folder.as_ref(), &file, &files)?;
                index_bytes = index.len_bytes;
                (index.files(), Some(index))
            }
        };
        let is_gguf = shard_files.iter().any(|file| file.ends_with(".gguf"));
        let opened = match is_gguf {
            true => Some(gguf::open(folder.clone(), &files, shard_files.clone())?),
            false => None,
        };
        let (folder, files) = match &opened {
            Some(gguf::OpenGguf {
                view: Some(view), ..
            }) => (view.clone(), view.list()?),
            _ => (folder, files),
        };
        let mut described = ModelFiles::read(folder.as_ref(), &files)?;
        let mut content = match opened {
            Some(opened) => opened.into_content(&mut described),
            None => {
                content::of_files(folder.as_ref(), shard_files, index.as_ref(), &mut described)?
            }
        };
        let others = index.and_then(|index| index.others(&files));
        described.facts.extend(others);
        if let Some(scheme) = quantized::scheme(&content.tensors) {
            described.quantization = match described.quantization.take() {
                Some(said @ Quantization::Foreign(_)) => Some(said),
                _ => Some(Quantization::Foreign(scheme)),
            };
        }
        adapter::apply(folder.as_ref(), &files, &mut described, &mut content)?;
        let catalog = Self {
            by_name: names(&folder.name(), &content.tensors)?,
            sidecars: sidecars::find(folder.as_ref(), &files, &mut described)?,
            files: described,
            index_bytes,
            form: content.form,
            metadata: content.metadata,
            folder,
            shards: content.shards,
            tensors: content.tensors,
            sources: content.sources,
            originals: content.originals,
            compressed: content.compressed,
            refusal: content.refusal,
            made: content.made,
        };
        Ok(catalog.with_changed_config())
    }

    /// [`Catalog::open`] on the file system. The path is that of a folder or of a single file.
    pub fn open_path(path: &Path) -> Result<Self, TensorsError> {
        Self::open(Arc::new(FsFolder::open(path)?))
    }

    /// The same model with one more sidecar, or with another content of one. Reading, copying and counting treat the file as if
    /// it lay in the folder.
    pub fn with_sidecar(mut self, file: &str, bytes: Vec<u8>) -> Self {
        let len_bytes = bytes.len() as u64;
        self.sidecars.retain(|(name, _)| name != file);
        let at = self
            .sidecars
            .partition_point(|(name, _)| name.as_str() < file);
        self.sidecars.insert(at, (file.to_owned(), len_bytes));
        self.folder = Arc::new(WithFile::new(self.folder, file, bytes));
        self
    }

    /// Bytes of all files that belong to the model: shards, index and sidecars. Sidecars made from a GGUF header are not counted,
    /// since the GGUF file already contains that information.
    pub fn bytes(&self) -> u64 {
        let shards = self.shards.iter().map(|shard| shard.len_bytes);
        let own = |(file, _): &&(String, u64)| !self.made.contains(file);
        let sidecars = self.sidecars.iter().filter(own).map(|(_, bytes)| bytes);
        shards.sum::<u64>() + sidecars.sum::<u64>() + self.index_bytes
    }

    /// The scheme in which another program has quantized the weights, if kerf does not read it. Always `None` for kerf containers
    /// and GGUF files: they say how they are stored, and the small files beside them describe the model that they were made from.
    pub fn foreign(&self) -> Option<&Foreign> {
        match &self.files.quantization {
            Some(Quantization::Foreign(foreign)) if !["kerf", "gguf"].contains(&self.form) => {
                Some(foreign)
            }
            _ => None,
        }
    }

    /// Whether the weights are compressed already, in a form that kerf writes: a container, compressed-tensors, or a GGUF file of
    /// kerf.
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The tensor of that name. `TENSOR_MISSING` if there is none.
    pub fn get(&self, name: &str) -> Result<&TensorEntry, TensorsError> {
        match self.by_name.get(name) {
            Some(&at) => Ok(&self.tensors[at]),
            None => Err(TensorsError::TensorMissing {
                tensor: name.to_owned(),
            }),
        }
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}

/// The class of the model by config.json. Unknown if config.json cannot be read.
fn class_of(folder: &dyn Folder, files: &[String]) -> choose::Class {
    let config = ModelFiles::read(folder, files)
        .ok()
        .and_then(|files| files.config);
    choose::Class::of(config.as_ref())
}

/// The folder and its files. Versions of sentence-transformers before 2 store the transformer in a sub-folder. Such a folder is
/// seen in the layout of later versions, with the transformer at the top.
fn transformer_at_top(
    folder: Arc<dyn Folder>,
    files: Vec<String>,
) -> Result<(Arc<dyn Folder>, Vec<String>), TensorsError> {
    let file = pipeline::FILE;
    if !files.iter().any(|name| name == file) {
        return Ok((folder, files));
    }
    let path = format!("{}/{file}", folder.name());
    let modules = parse::json(&path, &folder.read(file)?)?;
    match pipeline::transformer_folder(&modules) {
        Some(path) if files.contains(&format!("{path}/config.json")) => {
            let lifted = Arc::new(Lifted::new(folder, &path)?);
            let modules = pipeline::with_transformer_beside(modules).to_string();
            let folder = WithFile::new(lifted, file, modules.into_bytes());
            let files = folder.list()?;
            Ok((Arc::new(folder), files))
        }
        _ => Ok((folder, files)),
    }
}

/// Index of every tensor by name. `BAD_CONTAINER` if a name occurs twice: a plain and an encoded tensor, or encoded tensors of
/// two shards, may have the same name.
fn names(path: &str, tensors: &[TensorEntry]) -> Result<HashMap<String, usize>, TensorsError> {
    let mut by_name = HashMap::with_capacity(tensors.len());
    for (at, tensor) in tensors.iter().enumerate() {
        if by_name.insert(tensor.name.clone(), at).is_some() {
            return Err(TensorsError::BadContainer {
                path: path.to_owned(),
                tensor: tensor.name.clone(),
                reason: "it is stored twice".into(),
            });
        }
    }
    Ok(by_name)
}
