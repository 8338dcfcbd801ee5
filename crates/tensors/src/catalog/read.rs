//! Reads values: a whole tensor or some rows, with or without a check for finite values.

use super::plain::{Plain, check_all_finite};
use super::{Catalog, Span, Stored, TensorEntry};
use crate::bytes::{as_bytes, resize};
use crate::digest::{ALGORITHM, Digest};
use crate::{DType, Source, TensorsError, transpose_into};
use kerf_kernels::Compute;
use std::ops::Range;

impl Catalog {
    /// The bytes of a plain tensor in its file. `WRONG_DTYPE` for any other tensor.
    pub fn read_bytes(&self, entry: &TensorEntry) -> Result<Vec<u8>, TensorsError> {
        match &entry.stored {
            Stored::Plain(span) => self.read_whole(span),
            Stored::Packed { .. } => Err(TensorsError::WrongDType {
                tensor: entry.name.clone(),
                dtype: "packed in a kerf container".into(),
            }),
            Stored::Foreign(_) => Err(TensorsError::WrongDType {
                tensor: entry.name.clone(),
                dtype: "in the codes of another format".into(),
            }),
            Stored::Merged(_) => Err(TensorsError::WrongDType {
                tensor: entry.name.clone(),
                dtype: "merged with an adapter when it is read".into(),
            }),
        }
    }

    /// Values of a tensor, row-major, converted or decoded to f32. They are not checked to be finite.
    pub fn read_f32(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<Vec<f32>, TensorsError> {
        let mut values = Vec::new();
        self.read_f32_into(compute, entry, &mut values)?;
        Ok(values)
    }

    /// [`Catalog::read_f32`] into a buffer of the caller. Reuse of a buffer saves time: on some systems fresh memory takes longer
    /// than reading the file. The content of `values` is replaced. After an error it is unspecified.
    pub fn read_f32_into(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        values: &mut Vec<f32>,
    ) -> Result<(), TensorsError> {
        match &entry.stored {
            Stored::Plain(_) => {
                let plain = self.plain(entry)?;
                resize(values, entry.len());
                plain.read(compute, 0, values, None)
            }
            Stored::Packed { record, .. } => {
                let encoded = self.read_encoded(entry)?;
                if !record.transposed {
                    return self.decode_values(compute, &encoded, entry, values);
                }
                let ([rows, cols], mut decoded) = (record.shape, Vec::new());
                self.decode_values(compute, &encoded, entry, &mut decoded)?;
                transpose_into(compute, &decoded, rows, cols, values);
                Ok(())
            }
            Stored::Foreign(foreign) => {
                let matrix = self.decode_foreign(compute, entry, foreign)?;
                matrix.dequantize_into(compute, values);
                Ok(())
            }
            Stored::Merged(merged) => {
                resize(values, entry.len());
                let rows = entry.shape.first().copied().unwrap_or(1);
                self.read_merged(compute, entry, merged, 0..rows, values)
            }
        }
    }

    /// [`Catalog::read_f32_into`], and `NON_FINITE` if a value is NaN or infinite.
    pub fn read_finite_into(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        values: &mut Vec<f32>,
    ) -> Result<(), TensorsError> {
        if matches!(entry.stored, Stored::Plain(_)) {
            let plain = self.plain(entry)?;
            resize(values, entry.len());
            return plain.read(compute, 0, values, Some(&entry.name));
        }
        self.read_f32_into(compute, entry, values)?;
        check_all_finite(compute, &entry.name, 0, values)
    }

    /// [`Catalog::read_f32`], and `NON_FINITE` if a value is NaN or infinite.
    pub fn read_finite(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<Vec<f32>, TensorsError> {
        let mut values = Vec::new();
        self.read_finite_into(compute, entry, &mut values)?;
        Ok(values)
    }

    /// [`Catalog::read_rows_f32`], and `NON_FINITE` if a value of these rows is NaN or infinite.
    pub fn read_finite_rows(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        let cols: usize = entry.shape.iter().skip(1).product();
        let first = rows.start.saturating_mul(cols);
        let values = self.read_rows_f32(compute, entry, rows)?;
        check_all_finite(compute, &entry.name, first, &values)?;
        Ok(values)
    }

    /// Digest of the bytes that a tensor's values come from, as a record stores it: `blake3:HEX`. `values` are those of
    /// [`Catalog::read_f32`]; for a plain F32 tensor they are hashed instead of the file. A packed tensor has the digest in its
    /// own record. For a tensor that an adapter changes, the bytes of both factors and the scale are added. Codes of another
    /// format on a grid have no digest: the text is empty.
    ///
    /// One thread reads in small pieces, so that the digest can run beside other work on the tensor.
    pub fn source_digest(
        &self,
        entry: &TensorEntry,
        values: &[f32],
    ) -> Result<String, TensorsError> {
        let mut digest = Digest::default();
        match &entry.stored {
            Stored::Packed { record, .. } => return Ok(record.source_digest.clone()),
            Stored::Foreign(foreign) if foreign.grid.is_some() => return Ok(String::new()),
            Stored::Foreign(foreign) => {
                let span = foreign.span();
                digest.update_from(self.source(span), span.offset, span.len_bytes)?;
            }
            Stored::Merged(merged) => self.merged_digest(merged, &mut digest)?,
            Stored::Plain(_) if entry.dtype == DType::F32 => {
                digest.update(as_bytes(values));
            }
            Stored::Plain(span) => {
                digest.update_from(self.source(span), span.offset, span.len_bytes)?;
            }
        }
        Ok(format!("{ALGORITHM}:{}", digest.hex()))
    }

    /// Values of a range of rows of a tensor, without reading the other rows. A row is `shape[1..]` elements. `WRONG_SHAPE` if
    /// the range is outside of the tensor.
    pub fn read_rows_f32(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        let there = entry.shape.first().copied().unwrap_or(0);
        if rows.start > rows.end || rows.end > there {
            let mut expected = entry.shape.clone();
            expected.truncate(1);
            expected.fill(rows.end);
            expected.extend(entry.shape.iter().skip(1));
            return Err(TensorsError::WrongShape {
                tensor: entry.name.clone(),
                expected,
                actual: entry.shape.clone(),
            });
        }
        let cols: usize = entry.shape[1..].iter().product();
        match &entry.stored {
            Stored::Plain(_) => {
                let mut values = vec![0.0; rows.len() * cols];
                self.plain(entry)?
                    .read(compute, rows.start * cols, &mut values, None)?;
                Ok(values)
            }
            // Rows of the source are columns of the stored matrix, so every block holds a piece of each row.
            Stored::Packed { record, .. } if record.transposed => {
                let values = self.read_f32(compute, entry)?;
                Ok(values[rows.start * cols..rows.end * cols].to_vec())
            }
            Stored::Packed { .. } => self.read_packed_rows(compute, entry, rows),
            Stored::Foreign(foreign) => self.read_foreign_rows(compute, entry, foreign, rows),
            Stored::Merged(merged) => {
                let mut values = vec![0.0; rows.len() * cols];
                self.read_merged(compute, entry, merged, rows, &mut values)?;
                Ok(values)
            }
        }
    }

    pub(super) fn read_whole(&self, span: &Span) -> Result<Vec<u8>, TensorsError> {
        let mut bytes = vec![0; span.len_bytes as usize];
        self.read_span(span, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills a buffer with bytes of a span, from byte `from` of the span on.
    pub(super) fn read_span(
        &self,
        span: &Span,
        from: u64,
        out: &mut [u8],
    ) -> Result<(), TensorsError> {
        self.source(span).read_at(span.offset + from, out)
    }

    /// The open file that holds a span.
    pub(crate) fn source(&self, span: &Span) -> &dyn Source {
        self.sources[span.shard].as_ref()
    }

    /// The numbers of a plain tensor. `WRONG_DTYPE` if kerf cannot compute on its type.
    fn plain(&self, entry: &TensorEntry) -> Result<Plain<'_>, TensorsError> {
        match &entry.stored {
            Stored::Plain(span) if entry.dtype.is_computable() => Ok(Plain {
                source: self.source(span),
                offset: span.offset,
                dtype: entry.dtype,
            }),
            _ => Err(TensorsError::WrongDType {
                tensor: entry.name.clone(),
                dtype: entry.dtype.name().into(),
            }),
        }
    }
}
