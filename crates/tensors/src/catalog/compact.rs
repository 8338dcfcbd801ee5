//! Matrices in the form in which they run, without a dense copy.

use super::{Catalog, Span, Stored, TensorEntry};
use crate::bytes::as_bytes_mut;
use crate::kerf::TensorRecord;
use crate::{DType, TensorsError, Values};
use kerf_kernels::dispatch::Product;
use kerf_kernels::{CompactMatrix, Compute};

impl Catalog {
    /// A matrix [rows, cols] of the source model in the form in which it runs: codes and scales of a container, or bf16 as it is. Values
    /// are those of [`Catalog::read_finite`], to the bit. `None` for a tensor that has no such form (f32 and f16, other formats, a
    /// container's matrix that is stored transposed, groups that are no multiples of 64 columns, values that readers round) and for
    /// one that has values that are not finite, which `read_finite` names. Entropy-coded codes are decoded by all threads; a byte a
    /// weight is in memory meanwhile.
    pub fn read_compact(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<Option<CompactMatrix>, TensorsError> {
        match &entry.stored {
            Stored::Packed { record, .. } => self.compact_codes(compute, entry, record),
            Stored::Plain(span) if entry.dtype == DType::BF16 => {
                self.compact_bf16(compute, entry, span)
            }
            _ => Ok(None),
        }
    }

    fn compact_codes(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        record: &TensorRecord,
    ) -> Result<Option<CompactMatrix>, TensorsError> {
        let grid = record.grid();
        if record.transposed || !grid.is_some_and(|grid| grid.scales.product() == Product::F32) {
            return Ok(None);
        }
        let encoded = self.read_encoded(entry)?;
        let matrix = self.decode(compute, &encoded, entry)?;
        drop(encoded);
        let Values::Codes {
            grid,
            codes,
            scales,
            columns,
        } = &matrix.values
        else {
            return Ok(None);
        };
        let widest = columns
            .iter()
            .fold(1.0f32, |most, factor| most.max(*factor));
        let largest = (1u32 << (grid.bits - 1)) as f32 * widest;
        if scales.iter().any(|scale| !(scale * largest).is_finite()) {
            return Ok(None);
        }
        let shape = (matrix.rows, matrix.cols);
        let group = grid.group_size;
        let compact = CompactMatrix::from_codes(compute, shape, group, codes, scales);
        Ok(compact.map(|compact| compact.with_columns(columns)))
    }

    fn compact_bf16(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        span: &Span,
    ) -> Result<Option<CompactMatrix>, TensorsError> {
        let [rows, cols] = entry.shape[..] else {
            return Ok(None);
        };
        let mut values = vec![0u16; entry.len()];
        self.read_span(span, 0, as_bytes_mut(&mut values))?;
        // All bits of the exponent are set in infinities and NaN.
        if values.iter().any(|value| value & 0x7f80 == 0x7f80) {
            return Ok(None);
        }
        Ok(CompactMatrix::from_bf16(
            &compute.pool,
            (rows, cols),
            &values,
        ))
    }
}
