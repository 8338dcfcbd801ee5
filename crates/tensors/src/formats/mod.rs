//! Forms in which a finished model is written: one file and one row each. [`Format`] says what a row must know: which grids it
//! has, so that solvers work on them, and how a matrix on its grid becomes bytes.

mod compressed_tensors;
mod dense;
mod finite;
mod gguf;
mod grid_change;
mod kerf;
mod model_info;
mod output;

pub(crate) use compressed_tensors::target_matches;
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

/// Which matrices options are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Target matrices.
    Targets,
    /// Matrices of a rule.
    Rule,
    /// Embeddings and head.
    Embeddings,
}

/// What options are if the user does not say. `None`: as for every format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// Bits of target matrices.
    pub bits: Option<u8>,
    /// Columns that share a scale.
    pub group_size: Option<usize>,
    /// Bits of embeddings and head.
    pub embedding_bits: Option<u8>,
}

/// An option that does not fit a format: what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedOption {
    /// Bits.
    Bits(&'static str),
    /// Group size.
    GroupSize(&'static str),
}

/// A model on its way out.
pub struct Outgoing<'a> {
    /// Where it comes from.
    pub source: &'a Catalog,
    /// What is known of it.
    pub model_info: &'a ModelInfo,
    /// Its tensors, as they are now.
    pub entries: Vec<TensorEntry>,
    /// Grid that each shall be on.
    pub grids: Vec<Option<Grid>>,
    /// What to say of the model in every header.
    pub metadata: BTreeMap<String, String>,
    /// No file but of a single larger tensor exceeds this, if the format has several.
    pub max_file_bytes: u64,
}

/// All files of a model.
pub struct Planned {
    /// Files, each with its header.
    pub plan: WritePlan,
    /// Index of the entry, and which of its plain tensors, of each tensor of the files.
    pub places: HashMap<String, (usize, usize)>,
    /// Bytes of headers that are no matter of the tensors: a tokenizer.
    pub carried_bytes: u64,
    /// config.json, if it changes.
    pub config: Option<serde_json::Value>,
    /// Things a user should know.
    pub notes: Vec<String>,
}

/// One plain tensor of the result to be written.
pub struct Piece<'a> {
    /// Where the tensor is read from.
    pub catalog: &'a Catalog,
    /// The tensor.
    pub entry: &'a TensorEntry,
    /// Grid that it shall be on.
    pub grid: Option<Grid>,
    /// Which of those that it becomes.
    pub index: usize,
    /// What is known of the model.
    pub model_info: &'a ModelInfo,
    /// The tensor on that grid, once one of its pieces has asked.
    pub matrix: &'a OnceCell<QuantizedMatrix>,
    /// Notes about what writing has found.
    pub found: &'a RefCell<Vec<String>>,
}

impl Piece<'_> {
    /// The tensor on a grid: brought there for its first piece, and the same for the others. `FORMAT_UNSUPPORTED` if the grid has no
    /// scales for weights that matter.
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

    /// What a narrow type does not hold of a tensor is noted, or refused if the tensor would be another without it.
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

/// A form of a finished model.
pub trait Format: Sync {
    /// Stable id, as options have it.
    fn id(&self) -> &'static str;
    /// What a reader finds of it: the `form` of a catalog.
    fn form(&self) -> &'static str {
        self.id()
    }
    /// Whether a weight that was removed is exactly 0 for its readers. Where it is not, plan and report say so.
    fn keeps_zeros(&self) -> bool {
        true
    }
    /// Whether the tokenizer goes into its file.
    fn holds_tokenizer(&self) -> bool {
        false
    }
    /// Whether a matrix without codes is rounded when a model is converted. A form of floats keeps what it gets.
    fn rounds(&self) -> bool {
        false
    }
    /// Values of options that this form implies.
    fn defaults(&self) -> Defaults {
        Defaults::default()
    }
    /// Bits of embeddings and head beside target matrices of `bits`, where neither the user nor [`Defaults`] says.
    fn usual_embedding_bits(&self, _bits: u8) -> u8 {
        8
    }
    /// Whether codes take what they tell, so that zeros and small codes are cheap.
    fn codes_entropy(&self) -> bool {
        false
    }
    /// Whether it has a grid of so many bits (`None`: floats) and columns a group.
    fn accepts(
        &self,
        _scope: Scope,
        _bits: Option<u8>,
        _group_size: usize,
    ) -> Result<(), RefusedOption> {
        Ok(())
    }
    /// The grid of one matrix with rows of `cols` weights, where `grid` is asked for all: with the scales that its readers
    /// know. `None`: it can only hold such a matrix as floats.
    fn grid(&self, grid: Grid, _dtype: DType, _cols: usize) -> Option<Grid> {
        Some(grid)
    }
    /// Float type of a matrix that is not on a grid.
    fn float(&self, dtype: DType) -> DType {
        dtype
    }
    /// `FORMAT_UNSUPPORTED` or `RESERVED_NAME` if it cannot hold a model. Asked before the work starts.
    fn check(&self, _source: &Catalog, _card: &ModelInfo) -> Result<(), TensorsError> {
        Ok(())
    }
    /// Whether its bytes do not depend on what is removed, so that a plan knows them.
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

/// What is to be said of matrices that are not stored as asked: rows of `cols` weights each.
pub fn fallback_note(
    format: &dyn Format,
    asked: Grid,
    dtype: DType,
    cols: &[usize],
) -> Option<String> {
    let mut odd: Vec<usize> = cols.to_vec();
    odd.retain(|cols| match format.grid(asked, dtype, *cols) {
        None => true,
        // A shorter row is one group in every form.
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
