//! Reads matrices of a kerf container.

use super::{Catalog, Span, Stored, TensorEntry};
use crate::kerf::{self, EncodedPart, TensorRecord};
use crate::{EncodedTensor, QuantizedMatrix, TensorsError};
use kerf_kernels::Compute;
use std::ops::Range;

/// A rule that a container breaks, or a read that failed.
enum Failure {
    Rule(String),
    Read(TensorsError),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Rule(reason)
    }
}

impl Catalog {
    /// The encoded form of a packed tensor. `WRONG_DTYPE` for a plain tensor.
    pub fn read_encoded(&self, entry: &TensorEntry) -> Result<EncodedTensor, TensorsError> {
        let (record, spans) = packed(entry)?;
        let mut parts = Vec::with_capacity(spans.len());
        for (name, dtype, shape, span) in spans {
            parts.push(EncodedPart {
                part: kerf::static_part(name),
                dtype: *dtype,
                shape: shape.clone(),
                bytes: self.read_whole(span)?,
            });
        }
        Ok(EncodedTensor {
            name: entry.name.clone(),
            record: record.clone(),
            parts,
        })
    }

    /// Decodes codes and scales. Errors name the file of the entry.
    pub(super) fn decode(
        &self,
        compute: &Compute,
        encoded: &EncodedTensor,
        entry: &TensorEntry,
    ) -> Result<QuantizedMatrix, TensorsError> {
        encoded.decode_from(compute, self.path_of(entry))
    }

    /// Decodes to values [rows, cols]. The content of `values` is replaced.
    pub(super) fn decode_values(
        &self,
        compute: &Compute,
        encoded: &EncodedTensor,
        entry: &TensorEntry,
        values: &mut Vec<f32>,
    ) -> Result<(), TensorsError> {
        encoded.decode_values_from(compute, self.path_of(entry), values)
    }

    /// Values of a range of rows of a packed matrix. Only the blocks or chunks that hold these rows are read and decoded.
    pub(super) fn read_packed_rows(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        let (record, spans) = packed(entry)?;
        let span = |part: &str| {
            let found = spans.iter().find(|(name, ..)| name == part);
            found.map(|part| &part.3)
        };
        let bytes = |part: &str| span(part).map_or(0, |span| span.len_bytes as usize);
        let read = |part: &str, range: Range<usize>| {
            let span = span(part).filter(|span| range.end as u64 <= span.len_bytes);
            let span = span.ok_or_else(|| format!("part {part} is too short for its rows"))?;
            let mut bytes = vec![0; range.len()];
            self.read_span(span, range.start as u64, &mut bytes)
                .map_err(Failure::Read)?;
            Ok(bytes)
        };
        let (first, record, parts) =
            kerf::rows(record, rows.clone(), bytes, read).map_err(|failure| match failure {
                Failure::Read(error) => error,
                Failure::Rule(reason) => TensorsError::BadContainer {
                    path: self.path_of(entry).to_owned(),
                    tensor: entry.name.clone(),
                    reason,
                },
            })?;
        let blocks = EncodedTensor {
            name: entry.name.clone(),
            record,
            parts,
        };
        let mut values = Vec::new();
        self.decode_values(compute, &blocks, entry, &mut values)?;
        let cols = entry.shape[1];
        values.truncate((rows.end - first) * cols);
        values.drain(..(rows.start - first) * cols);
        Ok(values)
    }

    fn path_of(&self, entry: &TensorEntry) -> &str {
        let shard = match &entry.stored {
            Stored::Plain(span) => Some(span.shard),
            Stored::Packed { parts, .. } => parts.first().map(|part| part.3.shard),
            Stored::Foreign(foreign) => Some(foreign.span().shard),
            Stored::Merged(merged) => Some(merged.shard()),
        };
        shard.map_or("", |shard| self.sources[shard].name())
    }
}

type PartSpan = (String, crate::DType, Vec<usize>, Span);

fn packed(entry: &TensorEntry) -> Result<(&TensorRecord, &[PartSpan]), TensorsError> {
    match &entry.stored {
        Stored::Packed { record, parts } => Ok((record, parts)),
        Stored::Plain(_) | Stored::Foreign(_) | Stored::Merged(_) => {
            Err(TensorsError::WrongDType {
                tensor: entry.name.clone(),
                dtype: format!("a plain tensor of {}", entry.dtype.name()),
            })
        }
    }
}
