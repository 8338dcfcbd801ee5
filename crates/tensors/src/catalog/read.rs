//! Reading values: all of a tensor, some rows, with or without checks.

use super::plain::{Plain, check_finite};
use super::{Catalog, Span, Stored, TensorEntry};
use crate::TensorsError;
use crate::bytes::resize;
use kerf_kernels::Compute;
use sha2::{Digest, Sha256};
use std::ops::Range;

impl Catalog {
    /// The bytes of a plain tensor as they are in the file. `WRONG_DTYPE` for a packed one.
    pub fn read_bytes(&self, entry: &TensorEntry) -> Result<Vec<u8>, TensorsError> {
        match &entry.stored {
            Stored::Plain(span) => self.read_whole(span),
            Stored::Packed { .. } => Err(TensorsError::WrongDType {
                tensor: entry.name.clone(),
                dtype: "packed in a kerf container".into(),
            }),
        }
    }

    /// Values of a tensor, converted or decoded, row-major. Whether they are finite is not checked.
    pub fn read_f32(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<Vec<f32>, TensorsError> {
        let mut values = Vec::new();
        self.read_f32_into(compute, entry, &mut values)?;
        Ok(values)
    }

    /// [`Catalog::read_f32`] into a buffer that is used again: on some systems getting fresh memory takes longer than
    /// reading the file. The content of `values` is replaced; after an error it is unspecified.
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
            Stored::Packed { .. } => {
                let matrix = self.decode(compute, &self.read_encoded(entry)?, entry)?;
                matrix.dequantize_into(compute, values);
                Ok(())
            }
        }
    }

    /// Values and SHA-256 (lower-case hex) of the bytes of a plain tensor in one read; hashing runs beside the conversion.
    /// `NON_FINITE` if a value is NaN or infinite. For a packed tensor the digest is the one in its record.
    pub fn read_checked(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<(Vec<f32>, String), TensorsError> {
        let mut values = Vec::new();
        let digest = self.read_checked_into(compute, entry, &mut values)?;
        Ok((values, digest))
    }

    /// [`Catalog::read_checked`] into a buffer that is used again, as [`Catalog::read_f32_into`].
    pub fn read_checked_into(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        values: &mut Vec<f32>,
    ) -> Result<String, TensorsError> {
        if let Stored::Packed { record, .. } = &entry.stored {
            self.read_f32_into(compute, entry, values)?;
            check_finite(&compute.kernels, &entry.name, 0, values)?;
            return Ok(record.source_sha256.clone());
        }
        let plain = self.plain(entry)?;
        resize(values, entry.len());
        plain.read_checked(compute, &entry.name, values)
    }

    /// [`Catalog::read_f32_into`], and `NON_FINITE` if a value is NaN or infinite.
    pub fn read_finite_into(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        values: &mut Vec<f32>,
    ) -> Result<(), TensorsError> {
        const CHUNK: usize = 1 << 18;
        self.read_f32_into(compute, entry, values)?;
        let values = values.as_slice();
        let checked = compute.pool.map(values.len().div_ceil(CHUNK), |i| {
            let chunk = &values[i * CHUNK..((i + 1) * CHUNK).min(values.len())];
            check_finite(&compute.kernels, &entry.name, i * CHUNK, chunk)
        });
        checked.into_iter().collect()
    }

    /// SHA-256 (lower-case hex) of the bytes of a plain tensor in its file, by one thread in small pieces, so that it can run
    /// beside other work on the tensor. For a packed tensor the digest is the one in its record.
    pub fn source_digest(&self, entry: &TensorEntry) -> Result<String, TensorsError> {
        let span = match &entry.stored {
            Stored::Packed { record, .. } => return Ok(record.source_sha256.clone()),
            Stored::Plain(span) => span,
        };
        let mut hasher = Sha256::new();
        let mut piece = vec![0; 1 << 17];
        let mut from = 0;
        while from < span.len_bytes {
            let len = (span.len_bytes - from).min(piece.len() as u64) as usize;
            self.read_span(span, from, &mut piece[..len])?;
            hasher.update(&piece[..len]);
            from += len as u64;
        }
        Ok(crate::bytes::hex(&hasher.finalize()))
    }

    /// Values of some rows of a matrix [rows, cols], without reading the others. A row is `shape[1..]` elements.
    /// `WRONG_SHAPE` if there are no such rows.
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
            Stored::Packed { .. } => self.read_packed_rows(compute, entry, rows),
        }
    }

    pub(super) fn read_whole(&self, span: &Span) -> Result<Vec<u8>, TensorsError> {
        let mut bytes = vec![0; span.len_bytes as usize];
        self.read_span(span, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Some bytes of a span, from its byte `from` on.
    pub(crate) fn read_span(
        &self,
        span: &Span,
        from: u64,
        out: &mut [u8],
    ) -> Result<(), TensorsError> {
        self.sources[span.shard].read_at(span.offset + from, out)
    }

    /// A plain tensor that can be computed on.
    fn plain(&self, entry: &TensorEntry) -> Result<Plain<'_>, TensorsError> {
        match &entry.stored {
            Stored::Plain(span) if entry.dtype.is_computable() => Ok(Plain {
                source: self.sources[span.shard].as_ref(),
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
