//! The kerf container, versions 1 to 4: docs/format.md is its specification.
//!
//! One solved matrix becomes a few plain tensors and one JSON record: entropy-coded codes (`coded`), or survivors at a fixed
//! width (rowptr, scales or values, mask, codes) where that is no larger. The same encoding is used for the unit files of a running job, so that the next block runs on what a reader will decode.

mod coded;
mod decode;
mod encode;
mod file;
mod layout;
mod promises;
mod some_rows;

pub(crate) use file::{
    Folded, drop_records, fold, is_container, is_part_name, model_metadata, part_name,
    record_metadata, static_part,
};
pub use file::{metadata, producer};
pub use layout::BLOCK_ROWS;
pub(crate) use some_rows::rows;

use crate::{DType, Grid, QuantizedMatrix, Scales, TensorsError, Values};
use half::f16;
use kerf_kernels::Compute;
use serde::{Deserialize, Serialize};

/// Newest version of the container that this program reads. It writes the first that holds what is in a file: 4 for scales beyond f16,
/// 3 for entropy-coded matrices and `Float5` scales, 2 for transposed matrices and the grids of other formats.
pub const VERSION: u32 = 4;
/// Version of all other files.
const FIRST_VERSION: u32 = 1;

/// The record of one encoded matrix, stored as JSON in the header's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct TensorRecord {
    /// [rows, cols] of the matrix as stored.
    pub shape: [usize; 2],
    /// Element type of the source, which a dense export restores.
    pub dtype: DType,
    /// Bits of a code; absent if values are stored as floats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
    /// Columns per group (0 = whole row); absent if values are stored as floats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// What the scales are, if not `positive`. Needs version 2; `lattice` needs 3, `f32Product` 4.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scales: Scales,
    /// Whether scales go beyond f16: smaller, larger or finer. Needs version 4.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wide: bool,
    /// Float type of the survivors; absent if on a grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<DType>,
    /// Whether a mask is stored, or is in the codes.
    pub masked: bool,
    /// Whether the codes are entropy-coded: a weight survives if its code is not 0. Needs version 3.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub coded: bool,
    /// Number of survivors, if masked and coded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Whether the tensor of the source model is the transpose of this matrix, [cols, rows]. Needs version 2.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transposed: bool,
    /// Method that solved it, an id of the method table.
    pub method: String,
    /// Digest of the tensor's bytes in the source file, `ALGORITHM:HEX`. Early files have `sourceSha256`, the hex alone.
    #[serde(alias = "sourceSha256")]
    pub source_digest: String,
}

fn is_default(scales: &Scales) -> bool {
    *scales == Scales::default()
}

/// One plain tensor of an encoded matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedPart {
    /// `rowptr`, `scales`, `values`, `mask`, `codes` or `coded`; the stored name is `NAME.kerf.PART`.
    pub part: &'static str,
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
    /// Content.
    pub bytes: Vec<u8>,
}

/// How the codes of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Survivors at a fixed width, and their mask.
    Fixed,
    /// Entropy-coded, zeros among them.
    Entropy,
}

/// One matrix as the container stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedTensor {
    /// Name of the matrix in the source model.
    pub name: String,
    /// Its record.
    pub record: TensorRecord,
    /// Its plain tensors, in the order of the specification.
    pub parts: Vec<EncodedPart>,
}

impl EncodedTensor {
    /// Encodes: codes in the coding that is smaller, floats as they are. In entropy coding a survivor whose code is 0 becomes
    /// pruned; nothing else changes. Cost: two passes over the codes, rows in parallel. The lengths of `matrix` must fit its
    /// shape: another length is a bug and panics.
    pub fn encode(
        compute: &Compute,
        name: &str,
        source_dtype: DType,
        method: &str,
        source_digest: &str,
        matrix: &QuantizedMatrix,
    ) -> Self {
        let record = TensorRecord::of(source_dtype, method, source_digest, matrix);
        let fixed = encode::fixed_bytes(&record, matrix);
        if fixed > 0 && record.bits.is_some() {
            let coded = Self::of_record(compute, name, record.clone(), matrix, Coding::Entropy);
            if coded.content_bytes() < fixed {
                return coded;
            }
        }
        Self::of_record(compute, name, record, matrix, Coding::Fixed)
    }

    /// [`EncodedTensor::encode`] in a coding of the caller's choice. Floats have one coding alone.
    pub fn encode_in(
        compute: &Compute,
        name: &str,
        source_dtype: DType,
        method: &str,
        source_digest: &str,
        matrix: &QuantizedMatrix,
        coding: Coding,
    ) -> Self {
        let record = TensorRecord::of(source_dtype, method, source_digest, matrix);
        Self::of_record(compute, name, record, matrix, coding)
    }

    /// [`EncodedTensor::encode_in`] with the record that a plan made before anybody saw the codes.
    pub(crate) fn of_record(
        compute: &Compute,
        name: &str,
        mut record: TensorRecord,
        matrix: &QuantizedMatrix,
        coding: Coding,
    ) -> Self {
        record.coded = coding == Coding::Entropy && record.bits.is_some();
        record.kept = match (&matrix.values, record.coded && record.masked) {
            (Values::Codes { codes, .. }, true) => Some(encode::not_zero(codes)),
            _ => None,
        };
        Self {
            name: name.to_owned(),
            parts: encode::parts(compute, &record, matrix),
            record,
        }
    }

    /// The same matrix for a tensor that the source model stores as [cols, rows].
    pub fn for_transposed_source(mut self) -> Self {
        self.record.transposed = true;
        self
    }

    /// Decodes, checking everything the specification promises. The matrix is [rows, cols] of the record, also where the
    /// source has it transposed. `BAD_CONTAINER` names the tensor.
    pub fn decode(&self, compute: &Compute) -> Result<QuantizedMatrix, TensorsError> {
        self.decode_from(compute, "memory")
    }

    /// [`EncodedTensor::decode`] with the name of the file for errors.
    pub(crate) fn decode_from(
        &self,
        compute: &Compute,
        path: &str,
    ) -> Result<QuantizedMatrix, TensorsError> {
        decode::matrix(compute, &self.record, &self.parts)
            .map_err(|reason| file::bad(path, &self.name, reason))
    }

    /// Values [rows, cols] of the record in place of what `values` holds: [`EncodedTensor::decode`] and
    /// [`QuantizedMatrix::dequantize_into`] in one, which for entropy-coded matrices never has all codes in memory.
    pub fn decode_values(
        &self,
        compute: &Compute,
        values: &mut Vec<f32>,
    ) -> Result<(), TensorsError> {
        self.decode_values_from(compute, "memory", values)
    }

    /// [`EncodedTensor::decode_values`] with the name of the file for errors.
    pub(crate) fn decode_values_from(
        &self,
        compute: &Compute,
        path: &str,
        values: &mut Vec<f32>,
    ) -> Result<(), TensorsError> {
        decode::values(compute, &self.record, &self.parts, values)
            .map_err(|reason| file::bad(path, &self.name, reason))
    }

    /// [`EncodedTensor::decode_values`] as bf16, each the nearest.
    pub fn decode_bf16(
        &self,
        compute: &Compute,
        values: &mut Vec<u16>,
    ) -> Result<(), TensorsError> {
        decode::bf16(compute, &self.record, &self.parts, values)
            .map_err(|reason| file::bad("memory", &self.name, reason))
    }

    /// Bytes that this matrix takes in the container, without the header.
    pub fn content_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes.len() as u64).sum()
    }

    /// A self-contained file, a kerf container with just this matrix: its header, and the parts whose bytes follow.
    pub fn pieces(&self) -> (Vec<u8>, Vec<&EncodedPart>) {
        file::pieces(self)
    }

    /// [`EncodedTensor::pieces`] in one buffer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (mut bytes, parts) = self.pieces();
        for part in parts {
            bytes.extend_from_slice(&part.bytes);
        }
        bytes
    }
}

/// The record of a matrix of codes without a mask, of which nothing else is known.
pub(crate) fn unmasked(shape: [usize; 2], dtype: DType, grid: Grid) -> TensorRecord {
    TensorRecord {
        shape,
        dtype,
        bits: Some(grid.bits),
        group: Some(grid.group_size),
        scales: grid.scales,
        // Nobody has seen them yet.
        wide: matches!(grid.scales, Scales::Bf16Product | Scales::F32Product),
        values: None,
        masked: false,
        coded: false,
        kept: None,
        transposed: false,
        method: String::new(),
        source_digest: String::new(),
    }
}

/// Name, element type and shape of the parts of an unmasked matrix.
pub(crate) fn planned_parts(record: &TensorRecord) -> Vec<(&'static str, DType, Vec<usize>)> {
    let layout = layout::Layout::new(record).expect("a shape and grid that were checked");
    let offsets = layout.offsets(&layout.full_counts());
    let body_bytes = layout.padded(offsets.last().copied().unwrap_or(0));
    let parts = layout.parts().into_iter();
    parts
        .map(|(part, dtype, shape)| (part, dtype, shape.unwrap_or_else(|| vec![body_bytes])))
        .collect()
}

impl TensorRecord {
    /// Shape of the tensor in the source model.
    pub fn source_shape(&self) -> [usize; 2] {
        let [rows, cols] = self.shape;
        match self.transposed {
            true => [cols, rows],
            false => [rows, cols],
        }
    }

    /// Grid of its codes, if it has codes.
    pub fn grid(&self) -> Option<Grid> {
        Some(Grid {
            scales: self.scales,
            ..Grid::new(self.bits?, self.group?)
        })
    }

    /// Version of the container that it takes.
    fn version(&self) -> u32 {
        if self.wide || self.scales == Scales::F32Product {
            4
        } else if self.coded || self.scales == Scales::Float5 {
            3
        } else if self.transposed || !is_default(&self.scales) {
            2
        } else {
            FIRST_VERSION
        }
    }

    fn of(dtype: DType, method: &str, source_digest: &str, matrix: &QuantizedMatrix) -> Self {
        let (mut scales, mut wide) = (Scales::default(), false);
        let (bits, group, values) = match &matrix.values {
            Values::Codes {
                grid, scales: all, ..
            } => {
                scales = grid.scales;
                wide = all
                    .iter()
                    .any(|scale| f16::from_f32(*scale).to_f32() != *scale);
                (Some(grid.bits), Some(grid.group_size), None)
            }
            Values::Float { dtype, .. } => (None, None, Some(*dtype)),
        };
        Self {
            shape: [matrix.rows, matrix.cols],
            dtype,
            bits,
            group,
            scales,
            wide,
            values,
            masked: matrix.mask.is_some(),
            coded: false,
            kept: None,
            transposed: false,
            method: method.to_owned(),
            source_digest: source_digest.to_owned(),
        }
    }
}
