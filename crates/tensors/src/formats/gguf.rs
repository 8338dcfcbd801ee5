//! GGUF for llama.cpp and the programs built on it: one file with sizes, tokenizer and tensors.
//!
//! Target matrices are Q4_0 or Q8_0; embeddings and head are Q8_0. A matrix whose rows are not a multiple of 32 weights is f16.
//! Vectors are f32, and so are matrices whose weights f16 cannot hold. Removed weights have code 0, which is exactly zero.
//!
//! [`super::GgufName`] says where llama.cpp expects other values than the model has: rows of queries and keys move if llama.cpp
//! rotates neighbours instead of halves, and norms of gemma are stored as 1 + weight. The files config.json and tokenizer.json
//! stay beside the GGUF file, so that kerf can run it.

use super::dense::write_as;
use super::{
    Defaults, Format, GgufInfo, ModelInfo, Outgoing, Piece, Planned, RefusedOption, Scope, Value,
    unsupported, without_quantization,
};
use crate::catalog::{Catalog, Stored, TensorEntry};
use crate::foreign::{Blocks, file_order, in_order};
use crate::gguf::{ALIGN, HEAD_ROWS, Kind, NAMES, PLUS_ONE, PRODUCER, Placed, header};
use crate::range::floats_out_of_range;
use crate::safetensors::{OutTensor, PlannedFile, WritePlan};
use crate::{DType, Grid, Sink, TensorsError, Values};
use kerf_kernels::Compute;
use std::collections::HashMap;

/// A row of the table.
pub(super) struct Gguf {
    id: &'static str,
    bits: u8,
    bits_expected: &'static str,
    /// Number of the file type in llama.cpp.
    file_type: u32,
}

pub(super) static Q4_0: Gguf = Gguf {
    id: "gguf-q4_0",
    bits: 4,
    bits_expected: "4 for gguf-q4_0",
    file_type: 2,
};

pub(super) static Q8_0: Gguf = Gguf {
    id: "gguf-q8_0",
    bits: 8,
    bits_expected: "8 for gguf-q8_0",
    file_type: 7,
};

impl Format for Gguf {
    fn id(&self) -> &'static str {
        self.id
    }

    fn form(&self) -> &'static str {
        "gguf"
    }

    fn holds_tokenizer(&self) -> bool {
        true
    }

    fn rounds(&self) -> bool {
        true
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            bits: Some(self.bits),
            group_size: Some(32),
            embedding_bits: Some(8),
        }
    }

    fn accepts(
        &self,
        scope: Scope,
        bits: Option<u8>,
        group_size: usize,
    ) -> Result<(), RefusedOption> {
        let fits = match scope {
            Scope::Targets => bits == Some(self.bits),
            Scope::Rule | Scope::Embeddings => matches!(bits, None | Some(4 | 8)),
        };
        match (fits, scope) {
            (false, Scope::Targets) => Err(RefusedOption::Bits(self.bits_expected)),
            (false, _) => Err(RefusedOption::Bits("4, 8 or 16 for GGUF")),
            _ if bits.is_some() && group_size != 32 => Err(RefusedOption::GroupSize("32 for GGUF")),
            _ => Ok(()),
        }
    }

    fn grid(&self, grid: Grid, _dtype: DType, cols: usize) -> Option<Grid> {
        let blocks = match grid.bits {
            0..=4 => Blocks::Q4_0,
            _ => Blocks::Q8_0,
        };
        cols.is_multiple_of(32).then(|| blocks.grid())
    }

    fn float(&self, _dtype: DType) -> DType {
        DType::F16
    }

    fn check(&self, source: &Catalog, model_info: &ModelInfo) -> Result<(), TensorsError> {
        let gguf = self.gguf_info(model_info)?;
        self.tokenizer(model_info)?;
        let unknown = source.tensors.iter().find(|entry| {
            !gguf.tensors.contains_key(&entry.name) && !model_info.dead.contains(&entry.name)
        });
        if let Some(entry) = unknown {
            let reason = format!("llama.cpp has no place for {}", entry.name);
            return Err(unsupported(self, model_info, reason));
        }
        Ok(())
    }

    fn plan(&self, model: &Outgoing<'_>) -> Result<Planned, TensorsError> {
        let (info, tokenizer) = (
            self.gguf_info(model.model_info)?,
            self.tokenizer(model.model_info)?,
        );
        let mut infos = Infos::default();
        for (index, (entry, grid)) in model.entries.iter().zip(&model.grids).enumerate() {
            if let Some(name) = info.tensors.get(&entry.name) {
                infos.add(index, entry, &name.name, *grid);
                infos.head_rows.push(name.head_rows as u32);
                infos.plus_one.push(name.plus_one);
            }
        }
        let factors = info.rope_factors.as_deref().unwrap_or_default();
        if !factors.is_empty() {
            infos.add_rope_factors(factors.len());
        }
        let values = self.values(info, infos.origins());
        // The header with and without the tokenizer, to know how many bytes the tokenizer takes.
        let without = header(&values, &infos.placed).len();
        let all: Vec<_> = values
            .into_iter()
            .chain(tokenizer.iter().cloned())
            .collect();
        let mut header = header(&all, &infos.placed);
        let carried_bytes = (header.len() - without) as u64;
        append_rope_factors(&mut header, factors);
        let file = PlannedFile {
            file: "model.gguf".into(),
            header,
            tensors: infos.tensors,
        };
        Ok(Planned {
            plan: WritePlan {
                files: vec![file],
                index: None,
            },
            places: infos.places,
            carried_bytes,
            config: without_quantization(model.source),
            notes: info.notes.clone(),
        })
    }

    fn write(
        &self,
        compute: &Compute,
        piece: &Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        let entry = piece.entry;
        let name = &self.gguf_info(piece.model_info)?.tensors[&entry.name];
        let bytes = match kind_of(piece.grid, entry) {
            Kind::Blocks(blocks) => {
                let matrix = piece.on(compute, self, blocks.grid())?;
                let order = file_order(matrix.rows, name.head_rows);
                let Values::Codes { codes, scales, .. } = &matrix.values else {
                    unreachable!("a matrix on a grid has codes")
                };
                let groups = blocks.grid().groups(matrix.cols);
                let codes = in_order(codes, matrix.cols, &order);
                blocks.encode(&codes, &in_order(scales, groups, &order))
            }
            Kind::Float(dtype) => {
                let mut values = piece.catalog.read_finite(compute, entry)?;
                if name.plus_one {
                    values.iter_mut().for_each(|value| *value += 1.0);
                }
                let cols: usize = entry.shape[1..].iter().product();
                let lost = floats_out_of_range(compute, dtype, &values, cols);
                piece.allow(self, "its floats are f16", lost)?;
                let order = file_order(entry.shape[0], name.head_rows);
                let mut bytes = Bytes(Vec::new());
                let values = in_order(&values, cols, &order);
                write_as(&compute.kernels, dtype, &values, &mut bytes)?;
                bytes.0
            }
        };
        sink.write(&bytes)?;
        sink.write(&[0; ALIGN][..bytes.len().next_multiple_of(ALIGN) - bytes.len()])
    }
}

impl Gguf {
    fn gguf_info<'a>(&self, model_info: &'a ModelInfo) -> Result<&'a GgufInfo, TensorsError> {
        match &model_info.gguf {
            Some(Ok(gguf)) => Ok(gguf),
            Some(Err(reason)) => Err(unsupported(self, model_info, reason)),
            None => {
                let reason = "kerf does not know how llama.cpp names this architecture";
                Err(unsupported(self, model_info, reason))
            }
        }
    }

    fn tokenizer<'a>(
        &self,
        model_info: &'a ModelInfo,
    ) -> Result<&'a [(String, Value)], TensorsError> {
        match &model_info.tokenizer {
            Some(Ok(values)) => Ok(values),
            Some(Err(reason)) => Err(unsupported(self, model_info, reason)),
            None => {
                let reason = "a tokenizer goes into the file, and it has none";
                Err(unsupported(self, model_info, reason))
            }
        }
    }

    /// All metadata except the tokenizer.
    fn values(&self, info: &GgufInfo, origins: [(String, Value); 3]) -> Vec<(String, Value)> {
        let producer = concat!("kerf ", env!("CARGO_PKG_VERSION"));
        let general = [
            ("general.architecture", Value::from(&info.architecture[..])),
            ("general.type", "model".into()),
            ("general.file_type", Value::U32(self.file_type)),
            ("general.quantization_version", Value::U32(2)),
            (PRODUCER, producer.into()),
        ];
        let own = info.values.iter();
        let own = own.map(|(key, value)| (format!("{}.{key}", info.architecture), value.clone()));
        let general = general.map(|(key, value)| (key.to_owned(), value));
        general.into_iter().chain(own).chain(origins).collect()
    }
}

/// The tensors of the file, in order.
#[derive(Default)]
struct Infos {
    placed: Vec<Placed>,
    tensors: Vec<OutTensor>,
    places: HashMap<String, (usize, usize)>,
    names: Vec<String>,
    head_rows: Vec<u32>,
    plus_one: Vec<bool>,
}

impl Infos {
    fn add(&mut self, index: usize, entry: &TensorEntry, name: &str, grid: Option<Grid>) {
        let placed = Placed {
            name: name.to_owned(),
            kind: kind_of(grid, entry),
            rows: (entry.shape.len() > 1).then(|| entry.shape[0]),
            cols: entry.shape[1..].iter().product::<usize>()
                * if entry.shape.len() > 1 {
                    1
                } else {
                    entry.shape[0]
                },
        };
        self.tensors.push(OutTensor {
            name: placed.name.clone(),
            dtype: DType::U8,
            shape: vec![placed.padded_bytes()],
        });
        self.places.insert(placed.name.clone(), (index, 0));
        self.names.push(entry.name.clone());
        self.placed.push(placed);
    }

    /// Adds the rope factors as the first tensor. Their content is written with the header, because no tensor of the model
    /// corresponds to it.
    fn add_rope_factors(&mut self, len: usize) {
        self.placed.insert(
            0,
            Placed {
                name: "rope_freqs.weight".into(),
                kind: Kind::Float(DType::F32),
                rows: None,
                cols: len,
            },
        );
        self.names.insert(0, String::new());
        self.head_rows.insert(0, 0);
        self.plus_one.insert(0, false);
    }

    fn origins(&self) -> [(String, Value); 3] {
        [
            (NAMES.to_owned(), Value::Texts(self.names.clone())),
            (HEAD_ROWS.to_owned(), Value::U32s(self.head_rows.clone())),
            (PLUS_ONE.to_owned(), Value::Bools(self.plus_one.clone())),
        ]
    }
}

fn append_rope_factors(header: &mut Vec<u8>, factors: &[f32]) {
    factors
        .iter()
        .for_each(|factor| header.extend_from_slice(&factor.to_le_bytes()));
    header.resize(header.len().next_multiple_of(ALIGN), 0);
}

/// The type in which a tensor is stored. A run keeps a matrix as f32 or bf16 only if f16 cannot hold it, so such a matrix stays
/// wide.
fn kind_of(grid: Option<Grid>, entry: &TensorEntry) -> Kind {
    let is_wide = match &entry.stored {
        Stored::Packed { record, .. } => matches!(record.values, Some(DType::F32 | DType::BF16)),
        _ => false,
    };
    match grid.and_then(Blocks::of) {
        Some(blocks) => Kind::Blocks(blocks),
        None if entry.shape.len() > 1 && !is_wide => Kind::Float(DType::F16),
        None => Kind::Float(DType::F32),
    }
}

/// A sink that keeps its bytes in memory.
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
