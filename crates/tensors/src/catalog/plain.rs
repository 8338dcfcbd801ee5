//! Reads plain tensors in large parallel pieces. Each piece is converted while it is in the cache.

use crate::bytes::{as_bytes_mut, try_chunks_mut};
use crate::{DType, Source, TensorsError};
use kerf_kernels::{Compute, Kernels};

/// Elements that one task reads and converts: 512 KiB of 16-bit numbers.
const CHUNK: usize = 1 << 18;

/// The numbers of type F32, F16 or BF16 in a file from `offset` on.
pub(super) struct Plain<'a> {
    pub source: &'a dyn Source,
    pub offset: u64,
    pub dtype: DType,
}

impl Plain<'_> {
    /// Byte offset of element `index`.
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
}

fn widen(kernels: &Kernels, dtype: DType, narrow: &[u16], out: &mut [f32]) {
    match dtype {
        DType::BF16 => kernels.bf16_to_f32(narrow, out),
        _ => kernels.f16_to_f32(narrow, out),
    }
}

/// [`check_finite`] for values that are in memory already, by all threads.
pub(super) fn check_all_finite(
    compute: &Compute,
    name: &str,
    first: usize,
    values: &[f32],
) -> Result<(), TensorsError> {
    let pieces: Vec<&[f32]> = values.chunks(CHUNK).collect();
    let check = |index: usize| {
        let at = first + index * CHUNK;
        check_finite(&compute.kernels, name, at, pieces[index])
    };
    compute.pool.map(pieces.len(), check).into_iter().collect()
}

/// `NON_FINITE` with the index of the first NaN or infinity in the tensor. `first` is the index of `values[0]`.
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
