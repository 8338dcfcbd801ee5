//! The kerf container. A solved matrix is stored as its parts, and every other tensor is copied.

use super::{Format, ModelInfo, Outgoing, Piece, Planned, copy, safetensors_files, write_floats};
use crate::catalog::{Catalog, ForeignMatrix, Stored, TensorEntry};
use crate::kerf::{
    Coding, TensorRecord, is_part_name, metadata, part_name, planned_parts, record_metadata,
    unmasked,
};
use crate::safetensors::OutTensor;
use crate::{DType, EncodedTensor, Grid, Scales, Sink, TensorsError};
use kerf_kernels::Compute;
use std::collections::BTreeMap;

/// Row of the table of formats.
pub(super) struct Kerf;

impl Format for Kerf {
    fn id(&self) -> &'static str {
        "kerf"
    }

    fn check(&self, source: &Catalog, _model_info: &ModelInfo) -> Result<(), TensorsError> {
        let mut names = source.tensors.iter().map(|entry| &entry.name);
        match names.find(|name| is_part_name(name)) {
            None => Ok(()),
            Some(name) => Err(TensorsError::ReservedName {
                tensor: name.clone(),
                format: self.id().to_owned(),
            }),
        }
    }

    fn grid(&self, grid: Grid, _dtype: DType, _cols: usize) -> Option<Grid> {
        let scales = Scales::Float5;
        Some(Grid { scales, ..grid })
    }

    /// As many bits as the targets, but at least 4. Four bits cost a cosine of 0.003 on a sentence model and nothing of its
    /// ranking; targets of 4 bits cost much more.
    fn usual_embedding_bits(&self, bits: u8) -> u8 {
        bits.clamp(4, 8)
    }

    fn codes_entropy(&self) -> bool {
        true
    }

    fn foreseeable(&self) -> bool {
        false
    }

    fn plan(&self, model: &Outgoing<'_>) -> Result<Planned, TensorsError> {
        Ok(safetensors_files(
            ("model", "kerf"),
            model,
            metadata(),
            unit,
        ))
    }

    fn write(
        &self,
        compute: &Compute,
        piece: &Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        let (catalog, entry) = (piece.catalog, piece.entry);
        match &entry.stored {
            Stored::Packed { parts, .. } => {
                let (_, dtype, _, span) = &parts[piece.index];
                copy(catalog, (&entry.name, *dtype, span), sink)
            }
            Stored::Foreign(ForeignMatrix {
                grid: Some(grid), ..
            }) => {
                let matrix = catalog.read_matrix(compute, entry)?;
                // The plan has not seen the codes, so the fixed coding is the only one whose length it knows.
                let (name, coding) = (&entry.name, Coding::Fixed);
                let tensor = EncodedTensor::of_record(
                    compute,
                    name,
                    record_of(entry, *grid),
                    &matrix,
                    coding,
                );
                sink.write(&tensor.parts[piece.index].bytes)
            }
            _ => write_floats(compute, piece, entry.dtype, sink),
        }
    }
}

fn unit(entry: &TensorEntry, _: Option<Grid>) -> (Vec<OutTensor>, BTreeMap<String, String>) {
    let out = |(part, dtype, shape): (&str, DType, Vec<usize>)| OutTensor {
        name: part_name(&entry.name, part),
        dtype,
        shape,
    };
    match (&entry.stored, entry.grid()) {
        (Stored::Packed { record, parts }, _) => {
            let parts = parts.iter();
            let parts = parts.map(|(part, dtype, shape, _)| out((part, *dtype, shape.clone())));
            (parts.collect(), record_metadata(&entry.name, record))
        }
        (Stored::Foreign(_), Some(grid)) => {
            let record = record_of(entry, grid);
            let parts = planned_parts(&record).into_iter().map(out);
            (parts.collect(), record_metadata(&entry.name, &record))
        }
        _ => (vec![entry.as_out()], BTreeMap::new()),
    }
}

/// The record of a matrix in the codes of another format. It has no mask, because such a format does not distinguish zeros from
/// removed weights.
fn record_of(entry: &TensorEntry, grid: Grid) -> TensorRecord {
    unmasked([entry.shape[0], entry.shape[1]], entry.dtype, grid)
}
