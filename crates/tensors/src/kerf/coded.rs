//! The part `coded`: codes, and `Float5` scales, entropy-coded in chunks of whole rows.

use super::contexts::{Contexts, Counted};
use super::layout::{Body, Layout};
use crate::bytes::{as_bytes, as_bytes_mut};
use crate::entropy::Table;
use crate::entropy::decode::{Lookup, Lookups, Reader, Wide};
use crate::entropy::encode::{Symbols, Writer};
use crate::{Grid, QuantizedMatrix, Scales, Values, float5};
use kerf_kernels::Compute;
use std::ops::Range;
use std::sync::Mutex;

/// Weights in a chunk. A chunk has whole rows, at least one.
const CHUNK_WEIGHTS: usize = 1 << 16;
/// A part must have at least one byte for this many weights. Otherwise a small hostile file could ask for much memory.
const WEIGHTS_PER_BYTE: usize = 256;

/// The places of the chunks in a part, as far as they follow from the layout.
#[derive(Clone, Copy)]
pub(super) struct Chunks {
    rows: usize,
    cols: usize,
    /// Scales of a row that are in the part: its groups, or 0 if the scales are a part of their own.
    groups: usize,
    /// Rows in a chunk. The last chunk may have fewer.
    chunk_rows: usize,
    /// Number of chunks.
    pub chunks: usize,
    /// Bytes of one offset.
    width: usize,
    /// Number of `Float5` scales in the alphabet.
    scales: usize,
    grid: Grid,
}

impl Chunks {
    pub(super) fn new(layout: &Layout) -> Self {
        let Body::Grid(grid) = layout.body else {
            unreachable!("floats are not coded")
        };
        let chunk_rows = (CHUNK_WEIGHTS / layout.cols.max(1)).max(1);
        let empty = layout.weights() == 0;
        Self {
            rows: layout.rows,
            cols: layout.cols,
            groups: match layout.scales_coded() {
                true => layout.groups(),
                false => 0,
            },
            chunk_rows,
            chunks: if empty {
                0
            } else {
                layout.rows.div_ceil(chunk_rows)
            },
            width: (layout.count_dtype().bits() / 8) as usize,
            scales: match layout.wide {
                true => float5::ALL,
                false => float5::USUAL,
            },
            grid,
        }
    }

    /// Weights in each chunk but the last.
    pub(super) fn chunk_weights(&self) -> usize {
        self.chunk_rows * self.cols
    }

    /// The chunks that hold a range of rows.
    pub(super) fn of_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let last = rows.end.div_ceil(self.chunk_rows).min(self.chunks);
        (rows.start / self.chunk_rows).min(last)..last
    }

    /// The rows in a range of chunks.
    pub(super) fn rows(&self, chunks: &Range<usize>) -> Range<usize> {
        let row = |chunk: usize| chunk.saturating_mul(self.chunk_rows).min(self.rows);
        row(chunks.start)..row(chunks.end)
    }

    fn rows_of(&self, chunk: usize) -> Range<usize> {
        self.rows(&(chunk..chunk + 1))
    }

    /// Bytes of all offsets, which stand at the front of the part.
    pub(super) fn offset_bytes(&self) -> usize {
        (self.chunks + 1).saturating_mul(self.width)
    }

    /// Reads the offsets of a part: the start of each chunk and the end of the last. They must rise, begin behind the offsets
    /// themselves, and stay inside the part.
    pub(super) fn offsets(&self, bytes: &[u8], part_bytes: usize) -> Result<Vec<usize>, String> {
        let entry = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        let entries = bytes.chunks_exact(self.width).map(entry);
        let mut offsets = Vec::with_capacity(self.chunks + 1);
        let mut last = self.offset_bytes();
        for (at, offset) in entries.enumerate() {
            match usize::try_from(offset) {
                Ok(offset) if (last..=part_bytes).contains(&offset) => {
                    last = offset;
                    offsets.push(offset);
                }
                _ => return Err(format!("chunk offset {at} is out of range")),
            }
        }
        Ok(offsets)
    }

    fn write_offsets(&self, offsets: &[usize], out: &mut [u8]) {
        for (out, offset) in out.chunks_exact_mut(self.width).zip(offsets) {
            out.copy_from_slice(&(*offset as u64).to_le_bytes()[..self.width]);
        }
    }

    /// Least number of bytes in a part.
    pub(super) fn least_bytes(&self) -> usize {
        (self.rows * self.cols).div_ceil(WEIGHTS_PER_BYTE)
    }

    /// The code of symbol 0.
    fn first_code(&self) -> u8 {
        self.grid.range().lo as u8
    }

    /// Whether columns have factors, so that codes have tables by their context.
    fn has_contexts(&self) -> bool {
        self.grid.scales == Scales::Columns
    }

    fn alphabet(&self) -> usize {
        1 << self.grid.bits
    }
}

/// Encodes the part, without its padding. Cost: two passes over the codes, with chunks in parallel.
pub(super) fn encode(compute: &Compute, layout: &Layout, matrix: &QuantizedMatrix) -> Vec<u8> {
    let chunks = Chunks::new(layout);
    let Values::Codes {
        codes,
        scales,
        columns,
        ..
    } = &matrix.values
    else {
        unreachable!("floats are not coded")
    };
    let tables = CodeTables::of(compute, &chunks, codes, scales, columns);
    let values = scales;
    let scales: Vec<u16> = match chunks.groups {
        0 => Vec::new(),
        _ => scales.iter().map(|scale| float5::nearest(*scale)).collect(),
    };
    let scale_table =
        (chunks.groups > 0).then(|| Table::of_counts(&scale_counts(&scales, chunks.scales)));
    let mut part = vec![0; chunks.offset_bytes()];
    scale_table.iter().for_each(|table| table.write(&mut part));
    tables.write(&mut part);
    let code_symbols = tables.symbols(chunks.first_code());
    let scale_symbols = scale_table.as_ref().map(Symbols::new);
    let mut streams = vec![Vec::new(); chunks.chunks];
    compute.pool.chunks_mut(&mut streams, 1, |chunk, out| {
        let rows = chunks.rows_of(chunk);
        let codes = &codes[rows.start * chunks.cols..rows.end * chunks.cols];
        let of_rows = rows.start * chunks.groups..rows.end * chunks.groups;
        let scales = &scales[of_rows.clone()];
        let mut writer = Writer::new();
        writer.begin(scales.len() + codes.len());
        match &tables.contexts {
            None => writer.put(&code_symbols[0], as_bytes(codes)),
            Some(contexts) => {
                let mut which = Vec::new();
                contexts.tables_of_rows(&values[of_rows], &mut which);
                writer.put_each(&code_symbols, &which, as_bytes(codes));
            }
        }
        if let Some(symbols) = &scale_symbols {
            writer.put(symbols, scales);
        }
        writer.end(&mut out[0]);
    });
    let mut offsets = vec![part.len()];
    for stream in streams {
        part.extend_from_slice(&stream);
        offsets.push(part.len());
    }
    chunks.write_offsets(&offsets, &mut part);
    part
}

/// The tables of codes: one, or one for each span of contexts.
struct CodeTables {
    contexts: Option<Contexts>,
    tables: Vec<Table>,
}

impl CodeTables {
    fn of(
        compute: &Compute,
        chunks: &Chunks,
        codes: &[i8],
        scales: &[f32],
        factors: &[f32],
    ) -> Self {
        if !chunks.has_contexts() {
            let counts = code_counts(compute, chunks, as_bytes(codes));
            return Self {
                contexts: None,
                tables: vec![Table::of_counts(&counts)],
            };
        }
        let counted = Counted::new(scales, factors);
        let parts = compute.pool.map(chunks.chunks, |chunk| {
            let rows = chunks.rows_of(chunk);
            let codes = &codes[rows.start * chunks.cols..rows.end * chunks.cols];
            counted.count(&scales[rows], codes)
        });
        let mut counts = vec![0u64; parts.first().map_or(0, Vec::len)];
        for part in parts {
            let sums = counts.iter_mut().zip(part);
            sums.for_each(|(sum, count)| *sum += u64::from(count));
        }
        let (contexts, tables) = counted.tables(&counts, chunks.first_code(), chunks.alphabet());
        Self {
            contexts: Some(contexts),
            tables,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(contexts) = &self.contexts {
            contexts.write(out);
        }
        self.tables.iter().for_each(|table| table.write(out));
    }

    fn symbols(&self, first_code: u8) -> Vec<Symbols> {
        let tables = self.tables.iter();
        tables
            .map(|table| Symbols::of_bytes(table, first_code))
            .collect()
    }
}

/// Number of occurrences of each code, beginning with the smallest code.
fn code_counts(compute: &Compute, chunks: &Chunks, codes: &[u8]) -> Vec<u64> {
    let mut parts = vec![[0u32; 256]; chunks.chunks];
    compute.pool.chunks_mut(&mut parts, 1, |chunk, counts| {
        let rows = chunks.rows_of(chunk);
        // Four counters for each symbol. Neighbouring codes are often equal, and with one counter each addition would wait for
        // the one before.
        let mut four = [[0u32; 256]; 4];
        let codes = &codes[rows.start * chunks.cols..rows.end * chunks.cols];
        let (groups, rest) = codes.as_chunks::<4>();
        for group in groups {
            for (counts, code) in four.iter_mut().zip(group) {
                counts[usize::from(*code)] += 1;
            }
        }
        rest.iter()
            .for_each(|code| four[0][usize::from(*code)] += 1);
        for (at, count) in counts[0].iter_mut().enumerate() {
            *count = four.iter().map(|counts| counts[at]).sum();
        }
    });
    let symbol = |symbol: usize| {
        let code = chunks.first_code().wrapping_add(symbol as u8);
        parts
            .iter()
            .map(|counts| u64::from(counts[usize::from(code)]))
            .sum()
    };
    (0..chunks.alphabet()).map(symbol).collect()
}

fn scale_counts(scales: &[u16], alphabet: usize) -> Vec<u64> {
    let mut counts = vec![0; alphabet];
    scales
        .iter()
        .for_each(|scale| counts[usize::from(*scale)] += 1);
    counts
}

/// A part whose offsets and tables were checked. Its chunks can be decoded one by one.
pub(super) struct Decoder<'a> {
    pub chunks: Chunks,
    offsets: Vec<usize>,
    scales: Option<Wide>,
    codes: Codes,
    /// Factors of the columns; empty if there are none.
    pub factors: Vec<f32>,
    part: &'a [u8],
}

/// How codes are looked up.
enum Codes {
    /// All by one table.
    One(Lookup),
    /// By the table of their context.
    Contexts(Contexts, Lookups),
}

impl Codes {
    fn read(tables: &mut &[u8], chunks: &Chunks) -> Result<Self, String> {
        let first = chunks.first_code();
        let table = |bytes: &mut &[u8]| Table::read(bytes, chunks.alphabet());
        if !chunks.has_contexts() {
            return Ok(Self::One(Lookup::of_bytes(&table(tables)?, first)));
        }
        let contexts = Contexts::read(tables, chunks.cols)?;
        let all: Result<Vec<Table>, String> =
            (0..contexts.tables()).map(|_| table(tables)).collect();
        Ok(Self::Contexts(contexts, Lookups::of_bytes(&all?, first)))
    }
}

impl<'a> Decoder<'a> {
    /// Checks a part. Its padding must be zero and have the length that the layout requires.
    pub(super) fn new(layout: &Layout, part: &'a [u8]) -> Result<Self, String> {
        let chunks = Chunks::new(layout);
        let offset_bytes = part
            .get(..chunks.offset_bytes())
            .ok_or_else(|| format!("{} bytes of coded weights are too few", part.len()))?;
        let offsets = chunks.offsets(offset_bytes, part.len())?;
        let end = offsets[chunks.chunks];
        let expected = layout.padded(end);
        if part.len() != expected {
            let actual = part.len();
            return Err(format!(
                "its coded weights take {actual} bytes, its chunks {expected}"
            ));
        }
        if part[end..].iter().any(|&byte| byte != 0) {
            return Err("padding after the coded weights is not zero".into());
        }
        let mut tables = &part[chunks.offset_bytes()..offsets[0]];
        let scales = match chunks.groups {
            0 => None,
            _ => Some(Wide::new(&Table::read(&mut tables, chunks.scales)?)),
        };
        let codes = Codes::read(&mut tables, &chunks)?;
        if !tables.is_empty() {
            return Err(format!(
                "{} bytes between its tables and chunks",
                tables.len()
            ));
        }
        Ok(Self {
            factors: match &codes {
                Codes::One(_) => Vec::new(),
                Codes::Contexts(contexts, _) => contexts.factors(),
            },
            codes,
            scales,
            chunks,
            offsets,
            part,
        })
    }

    /// Decodes the codes and scales of one chunk. `scales` must be empty if the part has no scales; otherwise its content is
    /// replaced.
    pub(super) fn chunk(
        &self,
        chunk: usize,
        codes: &mut [i8],
        scales: &mut [f32],
    ) -> Result<(), String> {
        let bad = |reason: String| format!("chunk {chunk}: {reason}");
        let stream = &self.part[self.offsets[chunk]..self.offsets[chunk + 1]];
        let mut reader = Reader::new(stream).map_err(bad)?;
        if let Some(table) = &self.scales {
            let mut indices = vec![0; scales.len()];
            reader.symbols(table, &mut indices);
            for (scale, index) in scales.iter_mut().zip(indices) {
                *scale = float5::scale(index);
            }
        }
        match &self.codes {
            Codes::One(lookup) => reader.bytes(lookup, as_bytes_mut(codes)),
            Codes::Contexts(contexts, lookups) => {
                let mut which = Vec::new();
                contexts.tables_of_rows(scales, &mut which);
                reader.bytes_each(lookups, &which, as_bytes_mut(codes));
            }
        }
        reader.end().map_err(bad)
    }

    /// Decodes all codes, and all scales in the part.
    pub(super) fn all(&self, compute: &Compute) -> Result<(Vec<i8>, Vec<f32>), String> {
        let chunks = &self.chunks;
        let mut codes = vec![0; chunks.rows * chunks.cols];
        let mut scales = vec![0.0; chunks.rows * chunks.groups];
        let failed: Mutex<Option<(usize, String)>> = Mutex::new(None);
        let per_chunk = chunks.chunk_rows * chunks.groups;
        let mut of_scales = scales.chunks_mut(per_chunk.max(1));
        let pieces = codes.chunks_mut(chunks.chunk_weights().max(1));
        let mut pieces: Vec<_> = pieces
            .map(|codes| (codes, of_scales.next().unwrap_or_default()))
            .collect();
        compute.pool.chunks_mut(&mut pieces, 1, |chunk, piece| {
            let (codes, scales) = &mut piece[0];
            if let Err(reason) = self.chunk(chunk, codes, scales) {
                let mut failed = failed.lock().unwrap_or_else(|held| held.into_inner());
                if failed.as_ref().is_none_or(|(at, _)| chunk < *at) {
                    *failed = Some((chunk, reason));
                }
            }
        });
        drop(pieces);
        match failed.into_inner().unwrap_or_else(|held| held.into_inner()) {
            Some((_, reason)) => Err(reason),
            None => Ok((codes, scales)),
        }
    }
}

/// The part of a smaller matrix, made of a range of chunks of the matrix `whole`. `read` reads a range of the part of `whole`,
/// which has `part_bytes` bytes.
pub(super) fn some_chunks<E: From<String>>(
    whole: &Layout,
    part: &Layout,
    chunks: Range<usize>,
    part_bytes: usize,
    mut read: impl FnMut(Range<usize>) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let all = Chunks::new(whole);
    let offset_bytes = all.offset_bytes();
    let offsets = all.offsets(&read(0..offset_bytes)?, part_bytes)?;
    let tables = read(offset_bytes..offsets[0])?;
    let streams = read(offsets[chunks.start]..offsets[chunks.end])?;
    let some = Chunks::new(part);
    let first = some.offset_bytes() + tables.len();
    let mut bytes = vec![0; some.offset_bytes()];
    let moved = offsets[chunks.start..=chunks.end].iter();
    let moved: Vec<usize> = moved
        .map(|offset| offset - offsets[chunks.start] + first)
        .collect();
    some.write_offsets(&moved, &mut bytes);
    bytes.extend_from_slice(&tables);
    bytes.extend_from_slice(&streams);
    bytes.resize(part.padded(bytes.len()), 0);
    Ok(bytes)
}
