//! compressed-tensors, `pack-quantized` (version 0.17 and later; read by transformers, vLLM, SGLang). A linear layer becomes
//! three tensors: packed codes, scales in the element type of the model, and the shape. Config.json says which module has which
//! scheme. Removed weights have code 0. Readers compute code * scale in the type of the scales, and so does the grid.

use super::dense::product_in;
use super::{
    Defaults, Format, ModelInfo, Outgoing, Piece, Planned, RefusedOption, Scope, TensorKind,
    safetensors_files, unsupported, write_floats,
};
use crate::catalog::{Catalog, TensorEntry};
use crate::foreign::Words;
use crate::formats::dense::write_as;
use crate::safetensors::OutTensor;
use crate::{DType, Grid, Sink, TensorsError, Values};
use kerf_kernels::Compute;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Row of the table of formats.
pub(super) struct CompressedTensors;

impl Format for CompressedTensors {
    fn id(&self) -> &'static str {
        "compressed-tensors"
    }

    fn rounds(&self) -> bool {
        true
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            embedding_bits: Some(16),
            ..Defaults::default()
        }
    }

    fn accepts(
        &self,
        scope: Scope,
        bits: Option<u8>,
        _group_size: usize,
    ) -> Result<(), RefusedOption> {
        match (scope, bits) {
            (Scope::Embeddings, Some(_)) => Err(RefusedOption::Bits(
                "16, since compressed-tensors keeps embeddings and head as they are",
            )),
            (Scope::Targets, None) => Err(RefusedOption::Bits(
                "2 to 8 for compressed-tensors (a rule may keep some matrices)",
            )),
            _ => Ok(()),
        }
    }

    fn grid(&self, grid: Grid, dtype: DType, cols: usize) -> Option<Grid> {
        let mut grid = product_in(grid, dtype);
        // Groups must divide a row evenly. One scale for the whole row fits any row.
        if grid.group_size > 0 && !cols.is_multiple_of(grid.group_size) {
            grid.group_size = 0;
        }
        Some(grid)
    }

    fn check(&self, source: &Catalog, model_info: &ModelInfo) -> Result<(), TensorsError> {
        let reason: String = match (model_info.known, &model_info.transposed) {
            (false, _) => {
                "its architecture is not known, so nothing says which matrices are linear layers"
                    .into()
            }
            (_, Some(name)) => format!(
                "{name} is no Linear but stored the other way round, which readers would not find"
            ),
            _ if model_info.unopened.is_some() => format!(
                "{}; write safetensors, or kerf",
                model_info.unopened.as_deref().unwrap_or_default()
            ),
            _ => match source.files.config {
                None => "without config.json there is no place to say how it is stored".into(),
                Some(_) => return Ok(()),
            },
        };
        Err(unsupported(self, model_info, reason))
    }

    fn plan(&self, model: &Outgoing<'_>) -> Result<Planned, TensorsError> {
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        let mut planned =
            safetensors_files(("model", "safetensors"), model, metadata, |entry, grid| {
                let parts = match (grid, &entry.shape[..]) {
                    (Some(grid), [rows, cols]) => {
                        parts(&entry.name, *rows, *cols, entry.dtype, grid)
                    }
                    _ => vec![entry.as_out()],
                };
                (parts, BTreeMap::new())
            });
        let mut config = model
            .source
            .files
            .config
            .clone()
            .unwrap_or_else(|| json!({}));
        config["quantization_config"] = quantization_config(model);
        planned.config = Some(config);
        Ok(planned)
    }

    fn write(
        &self,
        compute: &Compute,
        piece: &Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), TensorsError> {
        let entry = piece.entry;
        let Some(grid) = piece.grid else {
            return write_floats(compute, piece, entry.dtype, sink);
        };
        if piece.index == SHAPE {
            let dims = entry.shape.iter().map(|dim| (*dim as u64).to_le_bytes());
            return sink.write(&dims.flatten().collect::<Vec<u8>>());
        }
        let matrix = piece.on(compute, self, grid)?;
        let Values::Codes { codes, scales, .. } = &matrix.values else {
            unreachable!("a matrix on a grid has codes")
        };
        if piece.index == SCALE {
            return write_as(&compute.kernels, entry.dtype, scales, sink);
        }
        let words = Words {
            bits: grid.bits,
            cols: matrix.cols,
        };
        sink.write(&words.encode(&compute.kernels, codes))
    }
}

const SCALE: usize = 1;
const SHAPE: usize = 2;

/// The three tensors of one linear layer.
fn parts(name: &str, rows: usize, cols: usize, dtype: DType, grid: Grid) -> Vec<OutTensor> {
    let words = Words {
        bits: grid.bits,
        cols,
    };
    let part = |end: &str, dtype, shape| OutTensor {
        name: format!("{name}_{end}"),
        dtype,
        shape,
    };
    vec![
        part("packed", DType::I32, vec![rows, words.row_words()]),
        part("scale", dtype, vec![rows, grid.groups(cols)]),
        part("shape", DType::I64, vec![2]),
    ]
}

/// The `quantization_config` of config.json, with one scheme for each grid. A single scheme is for all linear layers except the
/// ignored ones.
fn quantization_config(model: &Outgoing<'_>) -> Value {
    let mut schemes: Vec<(Grid, Vec<String>)> = Vec::new();
    let mut ignored = model.model_info.heads.clone();
    for (entry, grid) in model.entries.iter().zip(&model.grids) {
        let module = module_of(entry);
        match grid {
            Some(grid) => match schemes.iter_mut().find(|scheme| scheme.0 == *grid) {
                Some((_, modules)) => modules.push(module),
                None => schemes.push((*grid, vec![module])),
            },
            None if is_linear_like(model.model_info, entry) && !ignored.contains(&module) => {
                ignored.push(module);
            }
            None => {}
        }
    }
    if model.model_info.encoder {
        ignored.push("re:.*pooler.*".into());
    }
    let only = schemes.len() == 1;
    let groups = schemes.into_iter().enumerate();
    let groups: serde_json::Map<String, Value> = groups
        .map(|(index, (grid, modules))| {
            let targets = if only { vec!["Linear".into()] } else { modules };
            (format!("group_{index}"), scheme(grid, targets))
        })
        .collect();
    json!({
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "global_compression_ratio": null,
        "kv_cache_scheme": null,
        "ignore": ignored,
        "config_groups": groups,
    })
}

fn scheme(grid: Grid, targets: Vec<String>) -> Value {
    let (strategy, group_size) = match grid.group_size {
        0 => ("channel", None),
        size => ("group", Some(size)),
    };
    json!({
        "targets": targets,
        "input_activations": null,
        "output_activations": null,
        "weights": {
            "num_bits": grid.bits,
            "type": "int",
            "symmetric": true,
            "strategy": strategy,
            "group_size": group_size,
            "dynamic": false,
            "actorder": null,
            "block_structure": null,
            "observer": "minmax",
            "observer_kwargs": {},
        },
    })
}

fn module_of(entry: &TensorEntry) -> String {
    entry
        .name
        .strip_suffix(".weight")
        .unwrap_or(&entry.name)
        .to_owned()
}

/// Whether a tensor could be the weights of a linear layer that is not quantized.
fn is_linear_like(model_info: &ModelInfo, entry: &TensorEntry) -> bool {
    let is_matrix = entry.shape.len() == 2 && entry.name.ends_with(".weight");
    is_matrix && (model_info.kind(&entry.name) != TensorKind::Embedding)
}

/// Whether a target of a scheme is the module with this name.
pub(crate) fn target_matches(target: &str, module: &str) -> bool {
    target == module
}
