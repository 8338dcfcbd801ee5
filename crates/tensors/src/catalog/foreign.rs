//! Reads matrices that are stored in the codes of other formats.

use super::plain::Plain;
use super::{Catalog, Span, TensorEntry};
use crate::bytes::try_chunks_mut;
use crate::foreign::{Blocks, Words, in_order, model_order};
use crate::gguf::{Element, Reading};
use crate::{Grid, QuantizedMatrix, Stored, TensorsError, Values};
use kerf_kernels::Compute;
use std::ops::Range;

/// Number of blocks in one task, which reads and decodes them: at most 256 KiB.
const BLOCKS_AT_ONCE: usize = 1 << 10;

/// A tensor in the codes of another format: compressed-tensors or GGUF.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignMatrix {
    /// The grid of its codes. `None` if the matrix is read as floats.
    pub grid: Option<Grid>,
    /// Where its bytes are, and how to decode them.
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// compressed-tensors: packed codes, and scales of the entry's element type.
    Words { packed: Span, scales: Span },
    /// GGUF: blocks or floats of llama.cpp. The file may have its rows in another order (`head_rows`), and may hold 1 + the value
    /// (`plus_one`). Blocks that kerf wrote have a grid. Blocks of other programs are read as floats.
    Gguf {
        span: Span,
        element: &'static Element,
        head_rows: usize,
        plus_one: bool,
    },
}

impl ForeignMatrix {
    /// Number of bytes that the matrix takes in its file.
    pub fn stored_bytes(&self) -> u64 {
        match &self.body {
            Body::Words { packed, scales } => packed.len_bytes + scales.len_bytes,
            Body::Gguf { span, .. } => span.len_bytes,
        }
    }

    /// Index of the matrix's file in [`Catalog::shards`].
    pub fn shard(&self) -> usize {
        self.span().shard
    }

    /// llama.cpp's name of the element type. `None` outside of GGUF files.
    pub fn gguf_type(&self) -> Option<&'static str> {
        match &self.body {
            Body::Words { .. } => None,
            Body::Gguf { element, .. } => Some(element.name),
        }
    }

    /// The place of the codes in their file.
    pub(super) fn span(&self) -> &Span {
        match &self.body {
            Body::Words { packed, .. } => packed,
            Body::Gguf { span, .. } => span,
        }
    }
}

impl Catalog {
    /// Reads a matrix that a kerf container or another format has encoded. The result holds its codes and scales, or its floats,
    /// as [rows, cols] in the orientation that solvers see.
    ///
    /// # Errors
    /// `WRONG_DTYPE` for a plain tensor, and errors of reading.
    pub fn read_matrix(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
    ) -> Result<QuantizedMatrix, TensorsError> {
        match &entry.stored {
            Stored::Foreign(foreign) => self.decode_foreign(compute, entry, foreign),
            _ => self.decode(compute, &self.read_encoded(entry)?, entry),
        }
    }

    pub(super) fn decode_foreign(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        foreign: &ForeignMatrix,
    ) -> Result<QuantizedMatrix, TensorsError> {
        let rows = entry.shape.first().copied().unwrap_or(1);
        let matrix = self.file_rows(compute, entry, foreign, 0..rows)?;
        let order = match foreign.body {
            Body::Gguf { head_rows, .. } => model_order(rows, head_rows),
            Body::Words { .. } => Vec::new(),
        };
        if order.is_empty() {
            return Ok(matrix);
        }
        let cols = matrix.cols;
        let values = match &matrix.values {
            Values::Codes {
                grid,
                codes,
                scales,
                columns,
            } => Values::Codes {
                columns: columns.clone(),
                codes: in_order(codes, cols, &order).into_owned(),
                scales: in_order(scales, grid.groups(cols), &order).into_owned(),
                grid: *grid,
            },
            Values::Float { dtype, values } => Values::Float {
                dtype: *dtype,
                values: in_order(values, cols, &order).into_owned(),
            },
        };
        Ok(QuantizedMatrix { values, ..matrix })
    }

    /// Rows of the file, in the order of the file, as a matrix of their own.
    fn file_rows(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        foreign: &ForeignMatrix,
        rows: Range<usize>,
    ) -> Result<QuantizedMatrix, TensorsError> {
        let cols: usize = entry.shape[1..].iter().product();
        let matrix = |values| QuantizedMatrix {
            rows: rows.len(),
            cols,
            mask: None,
            values,
        };
        let read = |span: &Span, row_bytes: usize| {
            let mut bytes = vec![0; rows.len() * row_bytes];
            self.read_span(span, (rows.start * row_bytes) as u64, &mut bytes)?;
            Ok::<_, TensorsError>(bytes)
        };
        let floats = |span: &Span, row: usize| {
            let plain = Plain {
                source: self.source(span),
                offset: span.offset,
                dtype: entry.dtype,
            };
            let mut values = vec![0.0; rows.len() * row];
            plain.read(compute, rows.start * row, &mut values, None)?;
            Ok::<_, TensorsError>(values)
        };
        Ok(matrix(match (&foreign.body, foreign.grid) {
            (Body::Words { packed, scales }, Some(grid)) => {
                let words = Words {
                    bits: grid.bits,
                    cols,
                };
                let bytes = read(packed, words.row_bytes())?;
                let scales = floats(scales, grid.groups(cols))?;
                check_scales(entry, grid, &scales)?;
                Values::Codes {
                    grid,
                    codes: words.decode(&compute.kernels, &bytes),
                    scales,
                    columns: Vec::new(),
                }
            }
            (Body::Gguf { span, .. }, Some(grid)) => {
                let blocks = Blocks::of(grid).expect("no other grid is read");
                let (codes, scales) = blocks.decode(&read(span, blocks.row_bytes(cols))?);
                check_scales(entry, grid, &scales)?;
                Values::Codes {
                    grid,
                    codes,
                    scales,
                    columns: Vec::new(),
                }
            }
            (
                Body::Gguf {
                    span,
                    element,
                    plus_one,
                    ..
                },
                None,
            ) => {
                let mut values = match element.reading {
                    Reading::Float(_) => floats(span, cols)?,
                    _ => self.read_blocks(compute, entry, (span, *element), rows.clone())?,
                };
                if *plus_one {
                    values.iter_mut().for_each(|value| *value -= 1.0);
                }
                Values::Float {
                    dtype: entry.dtype,
                    values,
                }
            }
            (Body::Words { .. }, None) => unreachable!("words are codes"),
        }))
    }

    /// Values of rows that are stored in blocks, decoded by all threads. `GGUF_UNSUPPORTED` for a type that kerf does not read.
    fn read_blocks(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        (span, element): (&Span, &Element),
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        let Reading::Blocks(decode) = element.reading else {
            return Err(TensorsError::GgufUnsupported {
                path: self.folder.name(),
                field: entry.name.clone(),
                reason: format!("it is of type {}, which kerf does not read", element.name),
                fix: format!("take a file of {}", Element::read_names()),
            });
        };
        let cols: usize = entry.shape[1..].iter().product();
        let first = rows.start * cols / element.weights;
        let mut values = vec![0.0; rows.len() * cols];
        let piece = BLOCKS_AT_ONCE * element.weights;
        try_chunks_mut(&compute.pool, &mut values, piece, |index, values| {
            let mut bytes = vec![0; values.len() / element.weights * element.bytes];
            let block = first + index * BLOCKS_AT_ONCE;
            self.read_span(span, (block * element.bytes) as u64, &mut bytes)?;
            let blocks = bytes.chunks_exact(element.bytes);
            for (block, out) in blocks.zip(values.chunks_exact_mut(element.weights)) {
                decode(block, out);
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// Values of a range of rows.
    pub(super) fn read_foreign_rows(
        &self,
        compute: &Compute,
        entry: &TensorEntry,
        foreign: &ForeignMatrix,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, TensorsError> {
        let moved = matches!(foreign.body, Body::Gguf { head_rows: 1.., .. });
        if !moved {
            let matrix = self.file_rows(compute, entry, foreign, rows)?;
            return Ok(matrix.dequantize_on(compute));
        }
        let matrix = self.decode_foreign(compute, entry, foreign)?;
        let mut values = vec![0.0; rows.len() * matrix.cols];
        matrix.dequantize_rows(&compute.kernels, rows.start, &mut values);
        Ok(values)
    }
}

/// `BAD_SCALE` if a scale is not one of the grid. A damaged scale would spoil a whole group.
fn check_scales(entry: &TensorEntry, grid: Grid, scales: &[f32]) -> Result<(), TensorsError> {
    let wrong = |scale: &f32| !scale.is_finite() || !grid.has_scale(*scale);
    match scales.iter().position(wrong) {
        None => Ok(()),
        Some(at) => Err(TensorsError::BadScale {
            tensor: entry.name.clone(),
            index: at as u64,
            value: scales[at].to_string(),
        }),
    }
}
