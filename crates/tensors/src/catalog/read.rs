//! Reading values: large positioned reads in parallel, converted while they are in cache, hashed beside the conversion.

use super::fingerprint::hex;
use super::{Catalog, Span, Stored, TensorEntry};
use crate::bytes::{as_bytes, as_bytes_mut, try_chunks_mut};
use crate::{DType, Source, TensorsError};
use kerf_kernels::{Compute, Kernels};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Elements that one task reads and converts: half a megabyte of 16-bit numbers.
const CHUNK: usize = 1 << 18;
/// Elements that are hashed while the next ones are read and converted.
const PIECE: usize = 1 << 20;

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
        match &entry.stored {
            Stored::Plain(_) => {
                let plain = self.plain(entry)?;
                let mut values = vec![0.0; entry.len()];
                plain.read(compute, 0, &mut values, None)?;
                Ok(values)
            }
            Stored::Packed { .. } => {
                let matrix = self.decode(compute, &self.read_encoded(entry)?, entry)?;
                Ok(matrix.dequantize_on(compute))
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
        if let Stored::Packed { record, .. } = &entry.stored {
            let values = self.read_f32(compute, entry)?;
            check_finite(&compute.kernels, &entry.name, 0, &values)?;
            return Ok((values, record.source_sha256.clone()));
        }
        let plain = self.plain(entry)?;
        match plain.dtype {
            DType::F32 => plain.read_checked_f32(compute, &entry.name, entry.len()),
            _ => plain.read_checked_narrow(compute, &entry.name, entry.len()),
        }
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

/// Numbers of type F32, F16 or BF16 from `offset` on.
struct Plain<'a> {
    source: &'a dyn Source,
    offset: u64,
    dtype: DType,
}

impl Plain<'_> {
    /// Offset of element `index`.
    fn at(&self, index: usize) -> u64 {
        self.offset + index as u64 * (self.dtype.bits() / 8)
    }

    /// Fills `values` from element `first` on; with a name for the error, only finite values pass. The check runs while
    /// a chunk is in cache.
    fn read(
        &self,
        compute: &Compute,
        first: usize,
        values: &mut [f32],
        check: Option<&str>,
    ) -> Result<(), TensorsError> {
        try_chunks_mut(&compute.pool, values, CHUNK, |index, piece| {
            let first = first + index * CHUNK;
            if self.dtype == DType::F32 {
                self.source.read_at(self.at(first), as_bytes_mut(piece))?;
            } else {
                let mut narrow = vec![0; piece.len()];
                self.source
                    .read_at(self.at(first), as_bytes_mut(&mut narrow))?;
                widen(&compute.kernels, self.dtype, &narrow, piece);
            }
            check.map_or(Ok(()), |name| {
                check_finite(&compute.kernels, name, first, piece)
            })
        })
    }

    /// f32 needs no conversion: it is read into place, and hashed there while the next piece is read.
    fn read_checked_f32(
        &self,
        compute: &Compute,
        name: &str,
        len: usize,
    ) -> Result<(Vec<f32>, String), TensorsError> {
        let mut values = vec![0.0; len];
        let mut hash = Sha256::new();
        let (mut ready, mut rest) = values.split_at_mut(0);
        let mut first = 0;
        while !(ready.is_empty() && rest.is_empty()) {
            let (next, after) = rest.split_at_mut(rest.len().min(PIECE));
            let (read, ()) = compute.pool.join(
                || self.read(compute, first, next, Some(name)),
                || hash.update(as_bytes(ready)),
            );
            read?;
            first += next.len();
            (ready, rest) = (next, after);
        }
        Ok((values, hex(&hash.finalize())))
    }

    /// 16-bit numbers: one piece is hashed and converted while the next is read.
    fn read_checked_narrow(
        &self,
        compute: &Compute,
        name: &str,
        len: usize,
    ) -> Result<(Vec<f32>, String), TensorsError> {
        let mut values = vec![0.0; len];
        let mut hash = Sha256::new();
        let mut narrow = vec![0; len.min(PIECE)];
        for (index, piece) in values.chunks_mut(PIECE).enumerate() {
            let first = index * PIECE;
            let narrow = &mut narrow[..piece.len()];
            try_chunks_mut(&compute.pool, narrow, CHUNK, |chunk, part| {
                let at = self.at(first + chunk * CHUNK);
                self.source.read_at(at, as_bytes_mut(part))
            })?;
            let narrow = &*narrow;
            let (finite, ()) = compute.pool.join(
                || {
                    try_chunks_mut(&compute.pool, piece, CHUNK, |chunk, part| {
                        let at = chunk * CHUNK;
                        let narrow = &narrow[at..][..part.len()];
                        widen(&compute.kernels, self.dtype, narrow, part);
                        check_finite(&compute.kernels, name, first + at, part)
                    })
                },
                || hash.update(as_bytes(narrow)),
            );
            finite?;
        }
        Ok((values, hex(&hash.finalize())))
    }
}

fn widen(kernels: &Kernels, dtype: DType, narrow: &[u16], out: &mut [f32]) {
    match dtype {
        DType::BF16 => kernels.bf16_to_f32(narrow, out),
        _ => kernels.f16_to_f32(narrow, out),
    }
}

/// `NON_FINITE` with the place in the tensor; `first` is the index of `values[0]`.
fn check_finite(
    kernels: &Kernels,
    name: &str,
    first: usize,
    values: &[f32],
) -> Result<(), TensorsError> {
    match kernels.first_non_finite(values) {
        None => Ok(()),
        Some(at) => Err(TensorsError::NonFinite {
            tensor: name.to_owned(),
            index: (first + at) as u64,
            value: values[at].to_string(),
        }),
    }
}
