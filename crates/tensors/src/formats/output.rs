//! Writing a whole model. Files are planned from headers, then streamed; at most one matrix is in memory.

use super::{
    Format, GridChange, ModelInfo, Outgoing, Piece, Planned, TensorKind, fallback_note, grid_change,
};
use crate::catalog::{Catalog, TensorEntry};
use crate::folder::{OutFolder, copy_file, write_file};
use crate::safetensors::{PlannedFile, stream_file};
use crate::{Grid, QuantizedMatrix, Sink, TensorsError};
use kerf_kernels::Compute;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

/// The tensors that take the place of tensors of the source.
pub trait Replacement {
    /// A catalog that holds the replacement of `entry` alone; `None` if the tensor is not replaced.
    ///
    /// It is opened when the tensor is written, since a large model has more of them than a process may have open files.
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError>;

    /// Called when the tensor is in the result. The replacement is not opened again.
    fn written(&self, _entry: &TensorEntry) -> Result<(), TensorsError> {
        Ok(())
    }
}

/// No tensor is replaced: the result has every tensor of the source.
pub struct NothingReplaced;

impl Replacement for NothingReplaced {
    fn open(&self, _entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        Ok(None)
    }
}

/// Called with the name of a file and the number of bytes that were just written to it. An error ends the writing.
pub type OnProgress<'a, E> = dyn FnMut(&str, u64) -> Result<(), E> + 'a;

/// A model that will be written: its files, and where each of their tensors comes from.
pub struct Output<'a> {
    source: &'a Catalog,
    model_info: &'a ModelInfo,
    format: &'static dyn Format,
    replacement: &'a dyn Replacement,
    planned: Planned,
    /// The tensors as they are stored now, and the grid that each of them gets.
    entries: Vec<TensorEntry>,
    grids: Vec<Option<Grid>>,
    /// The text of the new config.json; `None` if the file is copied.
    config: Option<String>,
    /// See [`Output::found`].
    found: RefCell<Vec<String>>,
}

const CONFIG: &str = "config.json";

impl<'a> Output<'a> {
    /// Decides every file and header. `metadata` goes into every header of a safetensors file; where the format has the same key,
    /// the value of the format wins. A file has at most `max_file_bytes` of content, unless a single tensor is larger. With
    /// `convert`, target matrices and embeddings that are not on a grid of the format are converted to one. Otherwise they stay
    /// unchanged.
    ///
    /// # Errors
    /// The errors of [`Format::check`], [`Format::plan`], and of opening a replacement.
    pub fn plan(
        source: &'a Catalog,
        model_info: &'a ModelInfo,
        format: &'static dyn Format,
        replacement: &'a dyn Replacement,
        metadata: BTreeMap<String, String>,
        max_file_bytes: u64,
        convert: bool,
    ) -> Result<Self, TensorsError> {
        format.check(source, model_info)?;
        let mut entries = Vec::with_capacity(source.tensors.len());
        for entry in &source.tensors {
            entries.push(match replacement.open(entry)? {
                Some(catalog) => catalog.get(&entry.name)?.clone(),
                None => entry.clone(),
            });
        }
        let grids = entries
            .iter()
            .map(|entry| grid_of(format, model_info, entry, convert));
        let model = Outgoing {
            source,
            model_info,
            grids: grids.collect(),
            entries,
            metadata,
            max_file_bytes,
        };
        let mut output = Self::of(model, format, replacement)?;
        if convert {
            let notes = conversion_notes(format, &output.entries, &output.grids, model_info);
            output.planned.notes.extend(notes);
        }
        Ok(output)
    }

    /// The result of a run that has not begun. `grids` has the grid of each tensor of the source. Only sizes are known, so the
    /// format must be one whose sizes can be foreseen.
    ///
    /// # Errors
    /// The errors of [`Format::plan`].
    pub fn foresee(
        source: &'a Catalog,
        model_info: &'a ModelInfo,
        format: &'static dyn Format,
        grids: Vec<Option<Grid>>,
        metadata: BTreeMap<String, String>,
        max_file_bytes: u64,
    ) -> Result<Self, TensorsError> {
        let model = Outgoing {
            source,
            model_info,
            grids,
            entries: source.tensors.clone(),
            metadata,
            max_file_bytes,
        };
        Self::of(model, format, &NothingReplaced)
    }

    fn of(
        model: Outgoing<'a>,
        format: &'static dyn Format,
        replacement: &'a dyn Replacement,
    ) -> Result<Self, TensorsError> {
        let planned = format.plan(&model)?;
        let json = |config| format!("{config:#}\n");
        Ok(Self {
            config: planned.config.as_ref().map(json),
            found: RefCell::default(),
            entries: model.entries,
            grids: model.grids,
            source: model.source,
            model_info: model.model_info,
            format,
            replacement,
            planned,
        })
    }

    /// Notes for the user that are known before writing.
    pub fn notes(&self) -> &[String] {
        &self.planned.notes
    }

    /// Notes for the user that were found while writing: weights that a narrow type does not hold.
    pub fn found(&self) -> Vec<String> {
        self.found.borrow().clone()
    }

    /// The files with tensors.
    pub fn files(&self) -> &[PlannedFile] {
        &self.planned.plan.files
    }

    /// Bytes of all files, copied ones included.
    pub fn total_bytes(&self) -> u64 {
        let index = self
            .planned
            .plan
            .index
            .as_ref()
            .map_or(0, |(_, json)| json.len());
        let files = self.planned.plan.files.iter().map(PlannedFile::len_bytes);
        let sidecars = self.sidecars().map(|(_, bytes)| bytes);
        let config = self.config.as_ref().map_or(0, String::len);
        files.sum::<u64>() + (index + config) as u64 + sidecars.sum::<u64>()
    }

    /// Files that are copied unchanged.
    fn sidecars(&self) -> impl Iterator<Item = (&String, u64)> {
        let changed = self.config.is_some();
        let sidecars = self.source.sidecars.iter();
        let kept = sidecars.filter(move |(name, _)| !(changed && name == CONFIG));
        kept.map(|(name, bytes)| (name, *bytes))
    }

    /// Bytes of all headers, without the tokenizer that a header may hold.
    pub fn header_bytes(&self) -> u64 {
        let headers = self
            .planned
            .plan
            .files
            .iter()
            .map(|file| file.header.len() as u64);
        headers.sum::<u64>() - self.planned.carried_bytes
    }

    /// Bytes of each tensor of the source in the result, in the order of the catalog.
    pub fn tensor_bytes(&self) -> Vec<u64> {
        let mut bytes = vec![0; self.source.tensors.len()];
        for tensor in self
            .planned
            .plan
            .files
            .iter()
            .flat_map(|file| &file.tensors)
        {
            bytes[self.planned.places[&tensor.name].0] += tensor.len_bytes();
        }
        bytes
    }

    /// Streams all files. The caller must then commit the folder.
    ///
    /// # Errors
    /// Errors of reading and writing, and the error that `on_progress` returns.
    pub fn write<E: From<TensorsError>>(
        &self,
        compute: &Compute,
        out: &mut dyn OutFolder,
        on_progress: &mut OnProgress<'_, E>,
    ) -> Result<(), E> {
        let mut left = vec![0usize; self.source.tensors.len()];
        for (index, _) in self.planned.places.values() {
            left[*index] += 1;
        }
        for file in &self.planned.plan.files {
            self.write_tensors(compute, out, file, &mut left, on_progress)?;
        }
        if let Some((name, json)) = &self.planned.plan.index {
            write_file(out, name, json.as_bytes())?;
            on_progress(name, json.len() as u64)?;
        }
        if let Some(config) = &self.config {
            write_file(out, CONFIG, config.as_bytes())?;
            on_progress(CONFIG, config.len() as u64)?;
        }
        for (name, bytes) in self.sidecars() {
            copy_file(self.source.folder.as_ref(), out, name)?;
            on_progress(name, bytes)?;
        }
        Ok(())
    }

    fn write_tensors<E: From<TensorsError>>(
        &self,
        compute: &Compute,
        out: &mut dyn OutFolder,
        file: &PlannedFile,
        left: &mut [usize],
        on_progress: &mut OnProgress<'_, E>,
    ) -> Result<(), E> {
        on_progress(&file.file, file.header.len() as u64)?;
        let mut opened: Option<CurrentTensor> = None;
        stream_file(out, file, &mut |tensor, sink| {
            let (index, part) = self.planned.places[&tensor.name];
            let entry = &self.source.tensors[index];
            let at_hand = match opened.take() {
                Some(opened) if opened.index == index => opened,
                _ => CurrentTensor {
                    index,
                    replacement: self.replacement.open(entry)?,
                    matrix: OnceCell::new(),
                },
            };
            self.write_part(compute, &at_hand, part, sink)?;
            opened = Some(at_hand);
            left[index] -= 1;
            if left[index] == 0 {
                opened = None; // The catalog is closed before its file is removed.
                self.replacement.written(entry)?;
            }
            on_progress(&file.file, tensor.len_bytes())
        })
    }

    fn write_part(
        &self,
        compute: &Compute,
        opened: &CurrentTensor,
        part: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        let entry = &self.source.tensors[opened.index];
        let (catalog, entry) = match &opened.replacement {
            Some(catalog) => (catalog, catalog.get(&entry.name)?),
            None => (self.source, entry),
        };
        let piece = Piece {
            catalog,
            entry,
            grid: self.grids[opened.index],
            index: part,
            model_info: self.model_info,
            matrix: &opened.matrix,
            found: &self.found,
        };
        self.format.write(compute, &piece, sink)
    }
}

/// The tensor whose pieces are being written.
struct CurrentTensor {
    /// Its index in the source.
    index: usize,
    /// A catalog with the replacement of the tensor, if it has one.
    replacement: Option<Catalog>,
    /// See [`Piece::matrix`].
    matrix: OnceCell<QuantizedMatrix>,
}

/// The grid that a tensor is written on. A tensor on a grid keeps that grid or gets a near one of the format. Floats get the
/// usual grid of the format if `convert` is set. `None` for a tensor that stays as floats.
fn grid_of(
    format: &dyn Format,
    model_info: &ModelInfo,
    entry: &TensorEntry,
    convert: bool,
) -> Option<Grid> {
    let [_, cols] = entry.shape[..] else {
        return None;
    };
    if !format.rounds() {
        return entry.grid();
    }
    let kind = model_info.kind(&entry.name);
    if kind == TensorKind::Other || entry.is_empty() || !entry.dtype.is_computable() {
        return None;
    }
    let defaults = format.defaults();
    let bits = match kind {
        TensorKind::Target => Some(defaults.bits.unwrap_or(4)),
        _ => defaults.embedding_bits.filter(|bits| *bits <= 8),
    };
    let usual = bits.map(|bits| Grid::new(bits, defaults.group_size.unwrap_or(128)));
    let asked = match entry.grid() {
        // The matrix is from a run, which uses a grid of the format, or the format does not determine the bits. It keeps its own
        // bits and groups.
        Some(own) if usual.is_some() && !(convert && defaults.bits.is_some()) => Some(own),
        Some(_) => usual,
        None => usual.filter(|_| convert),
    };
    format.grid(asked?, entry.dtype, cols)
}

/// Notes for the user about what a conversion changes.
fn conversion_notes(
    format: &dyn Format,
    entries: &[TensorEntry],
    grids: &[Option<Grid>],
    model_info: &ModelInfo,
) -> Vec<String> {
    let mut notes = Vec::new();
    let (mut rounded, mut scales, mut all) = (0, 0, 0);
    for (entry, grid) in entries.iter().zip(grids) {
        let (Some(grid), [_, cols], true) = (grid, &entry.shape[..], format.rounds()) else {
            continue;
        };
        all += 1;
        match grid_change(entry.grid(), *grid, *cols) {
            GridChange::Same => {}
            GridChange::Scales => scales += 1,
            GridChange::Rounded => rounded += 1,
        }
    }
    let id = format.id();
    if rounded > 0 {
        notes.push(format!("{rounded} of {all} matrices were rounded to the nearest values of {id}, without calibration: compress with format {id} loses less"));
    }
    if scales > 0 {
        notes.push(format!(
            "{scales} of {all} matrices kept their codes, but their scales were rounded for {id}"
        ));
    }
    let targets = entries.iter();
    let targets = targets.filter(|entry| model_info.kind(&entry.name) == TensorKind::Target);
    let cols: Vec<usize> = targets
        .clone()
        .filter_map(|entry| entry.shape.get(1).copied())
        .collect();
    if let (true, Some(first)) = (format.rounds(), targets.clone().next()) {
        let group = format.defaults().group_size.unwrap_or(128);
        let asked = first
            .grid()
            .filter(|_| format.defaults().group_size.is_none());
        let asked = asked.unwrap_or(Grid::new(4, group));
        notes.extend(fallback_note(format, asked, first.dtype, &cols));
    }
    notes
}
