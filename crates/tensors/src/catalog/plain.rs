//! Plain tensors: large positioned reads in parallel, converted while they are in cache, hashed beside the conversion.

use crate::bytes::hex;
use crate::bytes::{as_bytes, as_bytes_mut, try_chunks_mut};
use crate::{DType, Source, TensorsError};
use kerf_kernels::{Compute, Kernels};
use sha2::{Digest, Sha256};

/// Elements that one task reads and converts: half a megabyte of 16-bit numbers.
const CHUNK: usize = 1 << 18;
/// Elements that are hashed while the next ones are read and converted.
const PIECE: usize = 1 << 20;

/// Numbers of type F32, F16 or BF16 from `offset` on.
pub(super) struct Plain<'a> {
    pub source: &'a dyn Source,
    pub offset: u64,
    pub dtype: DType,
}

impl Plain<'_> {
    /// Offset of element `index`.
    fn at(&self, index: usize) -> u64 {
        self.offset + index as u64 * (self.dtype.bits() / 8)
    }

    /// Fills `values` from element `first` on; with a name for the error, only finite values pass. The check runs while
    /// a chunk is in cache.
    pub(super) fn read(
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

    /// Fills `values` with all elements, all of them finite, and returns the SHA-256 of their bytes.
    pub(super) fn read_checked(
        &self,
        compute: &Compute,
        name: &str,
        values: &mut [f32],
    ) -> Result<String, TensorsError> {
        let mut hash = Sha256::new();
        match self.dtype {
            DType::F32 => self.read_hashed_f32(compute, name, values, &mut hash)?,
            _ => self.read_hashed_narrow(compute, name, values, &mut hash)?,
        }
        Ok(hex(&hash.finalize()))
    }

    /// f32 needs no conversion: it is read into place, and hashed there while the next piece is read.
    fn read_hashed_f32(
        &self,
        compute: &Compute,
        name: &str,
        values: &mut [f32],
        hash: &mut Sha256,
    ) -> Result<(), TensorsError> {
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
        Ok(())
    }

    /// 16-bit numbers: a piece is hashed while it is converted.
    fn read_hashed_narrow(
        &self,
        compute: &Compute,
        name: &str,
        values: &mut [f32],
        hash: &mut Sha256,
    ) -> Result<(), TensorsError> {
        let mut narrow = vec![0; values.len().min(PIECE)];
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
        Ok(())
    }
}

fn widen(kernels: &Kernels, dtype: DType, narrow: &[u16], out: &mut [f32]) {
    match dtype {
        DType::BF16 => kernels.bf16_to_f32(narrow, out),
        _ => kernels.f16_to_f32(narrow, out),
    }
}

/// `NON_FINITE` with the place in the tensor; `first` is the index of `values[0]`.
pub(super) fn check_finite(
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
