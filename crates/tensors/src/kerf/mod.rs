//! The kerf container, versions 1 to 5: docs/format.md is its specification.
//!
//! One solved matrix becomes a few plain tensors and a JSON record. The part `coded` has entropy-coded codes. Where the fixed
//! coding is no larger, the matrix has survivors at a fixed width instead (parts `rowptr`, `scales` or `values`, `mask`,
//! `codes`).
//!
//! The unit files of a running job have the same encoding. So the next block runs on exactly the values that a reader of the
//! result will decode.

mod coded;
mod contexts;
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

/// Newest version of the container that this program reads. It writes the oldest version that the content allows: 5 for factors
/// of columns, 4 for scales outside of f16, 3 for entropy-coded matrices and `Float5` scales, 2 for transposed matrices and the grids of other formats,
/// else 1.
pub const VERSION: u32 = 5;
/// Version of a file that needs no newer one.
const FIRST_VERSION: u32 = 1;

/// The record of one encoded matrix. It is stored as JSON in the metadata of the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct TensorRecord {
    /// [rows, cols] of the stored matrix.
    pub shape: [usize; 2],
    /// Element type of the source tensor. A dense export restores it.
    pub dtype: DType,
    /// Bits of a code; absent if values are stored as floats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
    /// Columns per group (0 = whole row); absent if values are stored as floats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// Kind of the scales, if it is not `positive`. Needs version 2; `lattice` needs 3, `f32Product` 4, `columns` 5.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scales: Scales,
    /// Whether some scales are outside of f16: smaller, larger or with more bits. Needs version 4.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wide: bool,
    /// Float type of the survivors; absent if they are on a grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<DType>,
    /// Whether weights were removed. The mask is a part of its own, or follows from the codes.
    pub masked: bool,
    /// Whether the codes are entropy-coded: a weight survives if its code is not 0. Needs version 3.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub coded: bool,
    /// Number of survivors, if masked and coded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Whether the tensor of the source model is the transpose of this matrix, so that its shape is [cols, rows]. Needs version
    /// 2.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transposed: bool,
    /// Id of the method that solved the matrix.
    pub method: String,
    /// Digest of the tensor's bytes in the source file, as `ALGORITHM:HEX`. Early files have the field `sourceSha256`, with the
    /// hex alone.
    #[serde(alias = "sourceSha256")]
    pub source_digest: String,
}

fn is_default(scales: &Scales) -> bool {
    *scales == Scales::default()
}

/// One plain tensor in which an encoded matrix is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedPart {
    /// `rowptr`, `scales`, `values`, `mask`, `codes` or `coded`. The tensor's name in the file is `NAME.kerf.PART`.
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
    /// A mask, and the codes of the survivors at a fixed width.
    Fixed,
    /// Entropy-coded codes of all weights, including zeros. Matrices with factors of columns have no other coding.
    Entropy,
}

/// One matrix as the container stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedTensor {
    /// Name of the matrix in the source model.
    pub name: String,
    /// Record of the matrix.
    pub record: TensorRecord,
    /// Plain tensors of the matrix, in the order of the specification.
    pub parts: Vec<EncodedPart>,
}

impl EncodedTensor {
    /// Encodes a matrix. Codes get the coding that is smaller; floats have one coding. Entropy coding turns a survivor whose code
    /// is 0 into a pruned weight, and changes nothing else. Cost: two passes over the codes, with rows in parallel.
    ///
    /// Panics if the lengths in `matrix` do not fit its shape, which is a bug.
    pub fn encode(
        compute: &Compute,
        name: &str,
        source_dtype: DType,
        method: &str,
        source_digest: &str,
        matrix: &QuantizedMatrix,
    ) -> Self {
        let record = TensorRecord::of(source_dtype, method, source_digest, matrix);
        if record.scales == Scales::Columns {
            return Self::of_record(compute, name, record, matrix, Coding::Entropy);
        }
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

    /// [`EncodedTensor::encode_in`] with a record that a plan made before the codes were known.
    pub(crate) fn of_record(
        compute: &Compute,
        name: &str,
        mut record: TensorRecord,
        matrix: &QuantizedMatrix,
        coding: Coding,
    ) -> Self {
        let coded = coding == Coding::Entropy || record.scales == Scales::Columns;
        record.coded = coded && record.bits.is_some();
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

    /// The same matrix, marked as the transpose of a source tensor [cols, rows].
    pub fn for_transposed_source(mut self) -> Self {
        self.record.transposed = true;
        self
    }

    /// Decodes the matrix and checks every rule of the specification. The result is [rows, cols] of the record, also if the
    /// source tensor is its transpose. `BAD_CONTAINER` names the tensor.
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

    /// Decodes to values [rows, cols] of the record. The content of `values` is replaced. The result is that of
    /// [`EncodedTensor::decode`] and [`QuantizedMatrix::dequantize_into`], but the codes of an entropy-coded matrix are never all
    /// in memory.
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

    /// [`EncodedTensor::decode_values`], rounded to bf16.
    pub fn decode_bf16(
        &self,
        compute: &Compute,
        values: &mut Vec<u16>,
    ) -> Result<(), TensorsError> {
        decode::bf16(compute, &self.record, &self.parts, values)
            .map_err(|reason| file::bad("memory", &self.name, reason))
    }

    /// Bytes of the matrix in the container, without the header.
    pub fn content_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes.len() as u64).sum()
    }

    /// A complete file, which is a kerf container with this matrix alone: its header, and the parts whose bytes must follow.
    pub fn pieces(&self) -> (Vec<u8>, Vec<&EncodedPart>) {
        file::pieces(self)
    }

    /// [`EncodedTensor::pieces`] as one buffer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (mut bytes, parts) = self.pieces();
        for part in parts {
            bytes.extend_from_slice(&part.bytes);
        }
        bytes
    }
}

/// The record of a matrix of codes without a mask and without a method.
pub(crate) fn unmasked(shape: [usize; 2], dtype: DType, grid: Grid) -> TensorRecord {
    TensorRecord {
        shape,
        dtype,
        bits: Some(grid.bits),
        group: Some(grid.group_size),
        scales: grid.scales,
        // The scales are not known yet.
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

    /// Grid of the codes. `None` for floats.
    pub fn grid(&self) -> Option<Grid> {
        Some(Grid {
            scales: self.scales,
            ..Grid::new(self.bits?, self.group?)
        })
    }

    /// Oldest container version that can hold the matrix.
    fn version(&self) -> u32 {
        if self.scales == Scales::Columns {
            5
        } else if self.wide || self.scales == Scales::F32Product {
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
