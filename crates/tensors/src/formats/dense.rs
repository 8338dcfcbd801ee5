//! Dense safetensors. Pruned weights are zeros, and values have the element type of the source. Every program can load such a
//! file.

use super::{Format, Outgoing, Piece, Planned, safetensors_files, write_floats};
use crate::bytes::as_bytes;
use crate::safetensors::{OutTensor, plan_files};
use crate::{DType, Grid, Scales, Sink, TensorsError};
use kerf_kernels::{Compute, Kernels};
use std::collections::BTreeMap;

/// Row of the table of formats.
pub(super) struct Safetensors;

impl Format for Safetensors {
    fn id(&self) -> &'static str {
        "safetensors"
    }

    /// For f32 models, products are exact and the grid is that of the container, so that a run gives the same values in both
    /// formats.
    fn grid(&self, grid: Grid, dtype: DType, _cols: usize) -> Option<Grid> {
        let grid = product_in(grid, dtype);
        Some(match grid.scales {
            Scales::F32Product => Grid {
                scales: Scales::Float5,
                ..grid
            },
            _ => grid,
        })
    }

    fn plan(&self, model: &Outgoing<'_>) -> Result<Planned, TensorsError> {
        // transformers refuses a file whose metadata do not name the framework.
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        Ok(safetensors_files(
            ("model", "safetensors"),
            model,
            metadata,
            |entry, _| (vec![entry.as_out()], BTreeMap::new()),
        ))
    }

    fn write(
        &self,
        compute: &Compute,
        piece: &Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        write_floats(compute, piece, piece.entry.dtype, sink)
    }
}

/// The grid whose products of code and scale are values of the type in which they will be stored.
pub(super) fn product_in(grid: Grid, dtype: DType) -> Grid {
    Grid {
        scales: match dtype {
            DType::F16 => Scales::F16Product,
            DType::BF16 => Scales::Bf16Product,
            _ => Scales::F32Product,
        },
        ..grid
    }
}

/// Writes values rounded to `dtype` (f32, bf16 or f16), in pieces.
pub fn write_as(
    kernels: &Kernels,
    dtype: DType,
    values: &[f32],
    sink: &mut dyn Sink,
) -> Result<(), TensorsError> {
    if dtype == DType::F32 {
        return sink.write(as_bytes(values));
    }
    let mut narrow = vec![0u16; values.len().min(1 << 20)];
    for piece in values.chunks(1 << 20) {
        let narrow = &mut narrow[..piece.len()];
        match dtype {
            DType::BF16 => kernels.f32_to_bf16(piece, narrow),
            _ => kernels.f32_to_f16(piece, narrow),
        }
        sink.write(as_bytes(narrow))?;
    }
    Ok(())
}

/// A safetensors file of one tensor, in memory, with its values rounded to the type of the tensor (f32, bf16 or f16).
pub fn one_tensor_file(
    kernels: &Kernels,
    tensor: OutTensor,
    values: &[f32],
) -> Result<Vec<u8>, TensorsError> {
    let dtype = tensor.dtype;
    let unit = [(vec![tensor], BTreeMap::new())];
    let mut planned = plan_files("model", "safetensors", &unit, &BTreeMap::new(), u64::MAX);
    let mut bytes = Bytes(planned.files.swap_remove(0).header);
    write_as(kernels, dtype, values, &mut bytes)?;
    Ok(bytes.0)
}

/// Bytes that are written into memory.
struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorsError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), TensorsError> {
        Ok(())
    }
}
