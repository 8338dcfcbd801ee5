//! A whole model on its way out: planned from headers, then streamed, at most one matrix in memory.

use super::Format;
use crate::catalog::{Catalog, TensorEntry};
use crate::folder::{OutFolder, copy_file, write_file};
use crate::safetensors::{PlannedFile, WritePlan, plan_files, stream_file};
use crate::{Sink, TensorsError};
use kerf_kernels::Compute;
use std::collections::{BTreeMap, HashMap};

/// What takes the place of tensors of the source.
pub trait Replacement {
    /// A catalog with that tensor alone, if it is replaced. Opened when it is needed: a large model has more of them than a
    /// process may have open files.
    fn open(&self, entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError>;

    /// Called once the tensor is in the result; it will not be asked for again.
    fn written(&self, _entry: &TensorEntry) -> Result<(), TensorsError> {
        Ok(())
    }
}

/// Every tensor as the source has it.
pub struct AsItIs;

impl Replacement for AsItIs {
    fn open(&self, _entry: &TensorEntry) -> Result<Option<Catalog>, TensorsError> {
        Ok(None)
    }
}

/// Told of progress: name of the file and bytes that were written to it. An error ends the writing.
pub type Told<'a, E> = dyn FnMut(&str, u64) -> Result<(), E> + 'a;

/// A model that will be written: its files, and where each of their tensors comes from.
pub struct Output<'a> {
    source: &'a Catalog,
    format: &'static dyn Format,
    replacement: &'a dyn Replacement,
    plan: WritePlan,
    /// Index of the source tensor, and which of its plain tensors, of each tensor of the result.
    places: HashMap<String, (usize, usize)>,
}

impl<'a> Output<'a> {
    /// Decides every file and header. `metadata` goes into every header beside that of the format, which wins; no file but of a single
    /// larger tensor exceeds `max_file_bytes` of content.
    ///
    /// # Errors
    /// `RESERVED_NAME`, and those of opening a replacement.
    pub fn plan(
        source: &'a Catalog,
        format: &'static dyn Format,
        replacement: &'a dyn Replacement,
        mut metadata: BTreeMap<String, String>,
        max_file_bytes: u64,
    ) -> Result<Self, TensorsError> {
        super::check_names(format, source)?;
        let (mut units, mut places) = (Vec::new(), HashMap::new());
        for (index, entry) in source.tensors.iter().enumerate() {
            let unit = match replacement.open(entry)? {
                Some(catalog) => format.plan(catalog.get(&entry.name)?),
                None => format.plan(entry),
            };
            for (part, tensor) in unit.0.iter().enumerate() {
                places.insert(tensor.name.clone(), (index, part));
            }
            units.push(unit);
        }
        metadata.extend(format.metadata());
        let (stem, extension) = format.file_name();
        Ok(Self {
            source,
            format,
            replacement,
            plan: plan_files(stem, extension, &units, &metadata, max_file_bytes),
            places,
        })
    }

    /// Bytes of all files, those that are carried along included.
    pub fn total_bytes(&self) -> u64 {
        let index = self.plan.index.as_ref().map_or(0, |(_, json)| json.len());
        let files = self.plan.files.iter().map(PlannedFile::len_bytes);
        let sidecars = self.source.sidecars.iter().map(|(_, bytes)| bytes);
        files.sum::<u64>() + index as u64 + sidecars.sum::<u64>()
    }

    /// Bytes of all headers.
    pub fn header_bytes(&self) -> u64 {
        let headers = self.plan.files.iter().map(|file| file.header.len() as u64);
        headers.sum()
    }

    /// Bytes that each tensor of the source takes in the result, in the order of the catalog.
    pub fn tensor_bytes(&self) -> Vec<u64> {
        let mut bytes = vec![0; self.source.tensors.len()];
        for tensor in self.plan.files.iter().flat_map(|file| &file.tensors) {
            bytes[self.places[&tensor.name].0] += tensor.len_bytes();
        }
        bytes
    }

    /// Streams all files. The caller commits the folder.
    ///
    /// # Errors
    /// Those of reading and writing, and what `told` answers.
    pub fn write<E: From<TensorsError>>(
        &self,
        compute: &Compute,
        out: &mut dyn OutFolder,
        told: &mut Told<'_, E>,
    ) -> Result<(), E> {
        let mut left = vec![0usize; self.source.tensors.len()];
        for (index, _) in self.places.values() {
            left[*index] += 1;
        }
        for file in &self.plan.files {
            self.write_tensors(compute, out, file, &mut left, told)?;
        }
        if let Some((name, json)) = &self.plan.index {
            write_file(out, name, json.as_bytes())?;
            told(name, json.len() as u64)?;
        }
        for (name, bytes) in &self.source.sidecars {
            copy_file(self.source.folder.as_ref(), out, name)?;
            told(name, *bytes)?;
        }
        Ok(())
    }

    fn write_tensors<E: From<TensorsError>>(
        &self,
        compute: &Compute,
        out: &mut dyn OutFolder,
        file: &PlannedFile,
        left: &mut [usize],
        told: &mut Told<'_, E>,
    ) -> Result<(), E> {
        told(&file.file, file.header.len() as u64)?;
        let mut opened: Option<(usize, Option<Catalog>)> = None;
        stream_file(out, file, &mut |tensor, sink| {
            let (index, part) = self.places[&tensor.name];
            let entry = &self.source.tensors[index];
            if opened.as_ref().is_none_or(|(at, _)| *at != index) {
                opened = Some((index, self.replacement.open(entry)?));
            }
            let replaced = opened.as_ref().and_then(|(_, catalog)| catalog.as_ref());
            self.write_part(compute, replaced, index, part, sink)?;
            left[index] -= 1;
            if left[index] == 0 {
                opened = None; // Closed before the file goes.
                self.replacement.written(entry)?;
            }
            told(&file.file, tensor.len_bytes())
        })
    }

    fn write_part(
        &self,
        compute: &Compute,
        replaced: Option<&Catalog>,
        index: usize,
        part: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        let entry = &self.source.tensors[index];
        let (catalog, entry) = match replaced {
            Some(catalog) => (catalog, catalog.get(&entry.name)?),
            None => (self.source, entry),
        };
        self.format.write(compute, catalog, entry, part, sink)
    }
}
