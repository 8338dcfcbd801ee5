//! Formats in which a finished model is written. A format is one file here and one row in [`table`].
//!
//! [`Format`] is what a row must say: on which grids a matrix can be, so that solvers work on them, and how a matrix on such a
//! grid becomes bytes.

mod compressed_tensors;
mod dense;
mod finite;
mod gguf;
mod grid_change;
mod kerf;
mod model_info;
mod output;

pub(crate) use compressed_tensors::target_matches;
pub use dense::{one_tensor_file, write_as};
pub use grid_change::{GridChange, grid_change};
pub use model_info::{GgufInfo, GgufName, ModelInfo, TensorKind, TokenizerValues, Value};
pub use output::{NothingReplaced, OnProgress, Output, Replacement};

use crate::catalog::{Catalog, Span, Stored, TensorEntry};
use crate::range::OutOfRange;
use crate::safetensors::{OutTensor, WritePlan, plan_files};
use crate::source::in_pieces;
use crate::{DType, Grid, QuantizedMatrix, Sink, TensorsError};
use kerf_kernels::Compute;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// The matrices that an option is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The target matrices: weights of the linear layers inside the blocks.
    Targets,
    /// The matrices that a rule of the user names.
    Rule,
    /// The embeddings and the head.
    Embeddings,
}

/// Values that a format gives to options which the user left out. `None` stands for the value of all other formats.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// Bits of target matrices.
    pub bits: Option<u8>,
    /// Columns that share a scale; 0 for the whole row.
    pub group_size: Option<usize>,
    /// Bits of embeddings and head.
    pub embedding_bits: Option<u8>,
}

/// An option whose value a format cannot store. The text says which values it can store, as in "4, 8 or 16 for GGUF".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedOption {
    /// The number of bits is refused.
    Bits(&'static str),
    /// The group size is refused.
    GroupSize(&'static str),
}

/// A model that is to be written: what [`Format::plan`] gets.
pub struct Outgoing<'a> {
    /// The model that is read.
    pub source: &'a Catalog,
    /// What is known of the model beyond its tensors.
    pub model_info: &'a ModelInfo,
    /// The tensors as they are stored now: in the source, or in what replaces them.
    pub entries: Vec<TensorEntry>,
    /// The grid that each of `entries` gets; `None` leaves floats floats.
    pub grids: Vec<Option<Grid>>,
    /// Keys and values that go into the header of every file.
    pub metadata: BTreeMap<String, String>,
    /// Most bytes of a file, where the format writes several. A tensor that is larger gets a file of its own.
    pub max_file_bytes: u64,
}

/// All files of a result: what [`Format::plan`] decides before a byte of content is made.
pub struct Planned {
    /// The files, each with its header and its tensors in order.
    pub plan: WritePlan,
    /// For each tensor of the files, by its name: the index of the entry that it comes from, and which of the plain tensors of
    /// that entry it is.
    pub places: HashMap<String, (usize, usize)>,
    /// Bytes of the headers that do not describe tensors: those of a tokenizer.
    pub carried_bytes: u64,
    /// The new config.json; `None` if the file is copied as it is.
    pub config: Option<serde_json::Value>,
    /// Sentences for the user about what this format changes.
    pub notes: Vec<String>,
}

/// One plain tensor of the result to be written.
pub struct Piece<'a> {
    /// The catalog that the tensor is read from.
    pub catalog: &'a Catalog,
    /// The entry that the piece is a part of.
    pub entry: &'a TensorEntry,
    /// The grid that the entry gets.
    pub grid: Option<Grid>,
    /// Which of the plain tensors of the entry this piece is, from 0.
    pub index: usize,
    /// What is known of the model.
    pub model_info: &'a ModelInfo,
    /// The matrix on `grid`. The first piece of an entry computes it, and the others use it again.
    pub matrix: &'a OnceCell<QuantizedMatrix>,
    /// Sentences for the user about what was found while writing.
    pub found: &'a RefCell<Vec<String>>,
}

impl Piece<'_> {
    /// The matrix of this entry on `grid`. It is computed once for all pieces of the entry.
    ///
    /// # Errors
    /// `FORMAT_UNSUPPORTED` if the grid has no scales for weights that matter; those of reading.
    fn on(
        &self,
        compute: &Compute,
        format: &dyn Format,
        grid: Grid,
    ) -> Result<&QuantizedMatrix, TensorsError> {
        if let Some(matrix) = self.matrix.get() {
            return Ok(matrix);
        }
        let (matrix, lost) = grid_change::read_on_grid(compute, self.catalog, self.entry, grid)?;
        self.allow(format, "its scales are f16", lost)?;
        Ok(self.matrix.get_or_init(|| matrix))
    }

    /// Decides about weights that a narrow type does not hold. A loss that changes the tensor visibly is refused; any other is
    /// noted for the user.
    fn allow(
        &self,
        format: &dyn Format,
        why: &str,
        lost: Option<OutOfRange>,
    ) -> Result<(), TensorsError> {
        let (Some(lost), name) = (lost, &self.entry.name) else {
            return Ok(());
        };
        let (groups, largest) = (lost.groups, lost.largest);
        if lost.is_visible() {
            let reason = format!(
                "{why}, which do not hold the weights of {name} (up to {largest:e}); compress with this format, which keeps such a matrix as f32, or write safetensors, kerf or compressed-tensors"
            );
            return Err(unsupported(format, self.model_info, reason));
        }
        self.found.borrow_mut().push(format!(
            "{name}: {groups} groups of weights (up to {largest:e}) are out of the range of {}, since {why}: they became 0 or its largest value, which changes less than a millionth of the matrix",
            format.id()
        ));
        Ok(())
    }
}

/// A format of a finished model.
pub trait Format: Sync {
    /// Stable id, the value of the option `format`.
    fn id(&self) -> &'static str;
    /// The [`Catalog::form`] of a result in this format.
    fn form(&self) -> &'static str {
        self.id()
    }
    /// Whether its readers see a removed weight as exactly 0. Where they do not, plan and report say so.
    fn keeps_zeros(&self) -> bool {
        true
    }
    /// Whether the file holds the tokenizer too.
    fn holds_tokenizer(&self) -> bool {
        false
    }
    /// Whether `convert` rounds a matrix of floats to a grid. A format of floats keeps every value that it gets.
    fn rounds(&self) -> bool {
        false
    }
    /// Values of the options that the user left out.
    fn defaults(&self) -> Defaults {
        Defaults::default()
    }
    /// Bits of embeddings and head where target matrices have `bits`, and neither the user nor [`Format::defaults`] gives a number.
    fn usual_embedding_bits(&self, _bits: u8) -> u8 {
        8
    }
    /// Whether codes are entropy-coded, so that frequent codes, such as zeros, take fewer bits.
    fn codes_entropy(&self) -> bool {
        false
    }
    /// Whether the format has a grid of `bits` bits (`None` means floats) and `group_size` columns a group.
    ///
    /// # Errors
    /// The option that it refuses, with the values that it takes.
    fn accepts(
        &self,
        _scope: Scope,
        _bits: Option<u8>,
        _group_size: usize,
    ) -> Result<(), RefusedOption> {
        Ok(())
    }
    /// The grid of one matrix with rows of `cols` weights, where the options ask for `grid`. It has the scales that readers of
    /// this format know. `None` if the format can hold such a matrix only as floats.
    fn grid(&self, grid: Grid, _dtype: DType, _cols: usize) -> Option<Grid> {
        Some(grid)
    }
    /// Float type in which a matrix of `dtype` is stored that is not on a grid.
    fn float(&self, dtype: DType) -> DType {
        dtype
    }
    /// Whether the format can hold a model. It is asked before the work starts.
    ///
    /// # Errors
    /// `FORMAT_UNSUPPORTED` or `RESERVED_NAME` if it cannot.
    fn check(&self, _source: &Catalog, _model_info: &ModelInfo) -> Result<(), TensorsError> {
        Ok(())
    }
    /// Whether a plan knows the bytes of the result: they do not depend on which weights are removed.
    fn foreseeable(&self) -> bool {
        true
    }
    /// Decides every file and header, before a byte of content is made.
    fn plan(&self, model: &Outgoing<'_>) -> Result<Planned, TensorsError>;
    /// Streams the bytes of one plain tensor.
    fn write(
        &self,
        compute: &Compute,
        piece: &Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError>;
}

impl std::fmt::Debug for dyn Format {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.id())
    }
}

/// All formats. Each row runs through the battery of contract tests.
pub fn table() -> &'static [&'static dyn Format] {
    static TABLE: &[&dyn Format] = &[
        &kerf::Kerf,
        &dense::Safetensors,
        &compressed_tensors::CompressedTensors,
        &gguf::Q4_0,
        &gguf::Q8_0,
    ];
    TABLE
}

/// The format of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Format> {
    table().iter().copied().find(|format| format.id() == id)
}

/// A sentence for the user about matrices that cannot be stored on the grid `asked`. `cols` are the weights in a row of each matrix.
/// `None` if all can.
pub fn fallback_note(
    format: &dyn Format,
    asked: Grid,
    dtype: DType,
    cols: &[usize],
) -> Option<String> {
    let mut odd: Vec<usize> = cols.to_vec();
    odd.retain(|cols| match format.grid(asked, dtype, *cols) {
        None => true,
        // A row shorter than the group size is one group in every format.
        Some(grid) => grid.group_size != asked.group_size && *cols > asked.group_size,
    });
    let count = odd.len();
    let first = *odd.first()?;
    let group = asked.group_size;
    let how = match format.grid(asked, dtype, first) {
        None => format!("stored as {}", format.float(dtype).name()),
        Some(_) => "one scale a row".to_owned(),
    };
    Some(format!(
        "{count} matrices have rows that are no multiple of {group} weights (such as {first}): {how} in {}",
        format.id()
    ))
}

/// `FORMAT_UNSUPPORTED`.
fn unsupported(
    format: &dyn Format,
    model_info: &ModelInfo,
    reason: impl Into<String>,
) -> TensorsError {
    TensorsError::FormatUnsupported {
        format: format.id().into(),
        model: model_info.architecture.clone(),
        reason: reason.into(),
    }
}

/// Files of safetensors. `unit` says which plain tensors an entry becomes, with metadata of their own.
fn safetensors_files(
    stem_and_extension: (&str, &str),
    model: &Outgoing<'_>,
    own_metadata: BTreeMap<String, String>,
    unit: impl Fn(&TensorEntry, Option<Grid>) -> (Vec<OutTensor>, BTreeMap<String, String>),
) -> Planned {
    let entries = model.entries.iter().zip(&model.grids);
    let is_dead = |entry: &TensorEntry| model.model_info.dead.contains(&entry.name);
    let units: Vec<_> = entries
        .map(|(entry, grid)| match is_dead(entry) {
            true => Default::default(),
            false => unit(entry, *grid),
        })
        .collect();
    let mut places = HashMap::new();
    for (index, (tensors, _)) in units.iter().enumerate() {
        for (part, tensor) in tensors.iter().enumerate() {
            places.insert(tensor.name.clone(), (index, part));
        }
    }
    let mut metadata = model.metadata.clone();
    metadata.extend(own_metadata);
    let (stem, extension) = stem_and_extension;
    Planned {
        plan: plan_files(stem, extension, &units, &metadata, model.max_file_bytes),
        places,
        carried_bytes: 0,
        config: without_quantization(model.source),
        notes: Vec::new(),
    }
}

/// config.json of a model that was in another form, without what it said of that.
fn without_quantization(source: &Catalog) -> Option<serde_json::Value> {
    if source.form != "compressed-tensors" {
        return None;
    }
    let mut config = source.files.config.clone()?;
    config.as_object_mut()?.shift_remove("quantization_config");
    Some(config)
}

/// Copies stored bytes of a tensor as they are. `NON_FINITE` for floats that are no numbers.
fn copy(
    catalog: &Catalog,
    (name, dtype, span): (&str, DType, &Span),
    sink: &mut dyn Sink,
) -> Result<(), TensorsError> {
    let source = catalog.source(span);
    let mut done = 0;
    in_pieces(source, span.offset, span.len_bytes, |piece| {
        finite::check(name, dtype, done, piece)?;
        done += piece.len() as u64;
        sink.write(piece)
    })
}

/// Values of a merged matrix that are in memory while it is written.
const MERGED_AT_ONCE: usize = 1 << 22;

/// Values in a float type: copied where they are stored so. What an adapter changes is made a few rows at a time, and checked:
/// `NON_FINITE`.
fn write_floats(
    compute: &Compute,
    piece: &Piece<'_>,
    dtype: DType,
    sink: &mut dyn Sink,
) -> Result<(), TensorsError> {
    match &piece.entry.stored {
        Stored::Plain(span) if piece.entry.dtype == dtype => {
            copy(piece.catalog, (&piece.entry.name, dtype, span), sink)
        }
        Stored::Merged(_) if piece.entry.shape.len() > 1 => {
            let (rows, cols) = (
                piece.entry.shape[0],
                piece.entry.len() / piece.entry.shape[0].max(1),
            );
            let step = (MERGED_AT_ONCE / cols.max(1)).max(1);
            for first in (0..rows).step_by(step) {
                let rows = first..rows.min(first + step);
                let values = piece.catalog.read_finite_rows(compute, piece.entry, rows)?;
                dense::write_as(&compute.kernels, dtype, &values, sink)?;
            }
            Ok(())
        }
        _ => {
            let values = piece.catalog.read_finite(compute, piece.entry)?;
            dense::write_as(&compute.kernels, dtype, &values, sink)
        }
    }
}
