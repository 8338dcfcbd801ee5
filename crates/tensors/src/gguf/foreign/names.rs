//! Maps tensors to their names in transformers.

use super::architectures::{Config, Row};
use super::keys::{AGAIN, ORIGINAL};
use super::{ForeignTensor, Model, placed};
use crate::TensorsError;
use crate::gguf::GgufTensor;

/// A tensor that is read with the configuration and is not part of the model.
const OF_CONFIGURATION: &str = "rope_freqs.weight";
const HEAD: &str = "output";
const QKV: &str = "blk.{}.attn_qkv";

/// All tensors of the model, in the order of files and bytes. `GGUF_UNSUPPORTED` for a tensor that the network does not have.
pub(super) fn tensors(
    model: &Model<'_>,
    config: &Config,
) -> Result<Vec<ForeignTensor>, TensorsError> {
    let mut all = Vec::new();
    for (shard, part) in model.parts.iter().enumerate() {
        let mut tensors: Vec<&GgufTensor> = part.header.tensors.iter().collect();
        tensors.sort_by_key(|tensor| (tensor.offset, tensor.len_bytes));
        for tensor in tensors {
            if tensor.name != OF_CONFIGURATION {
                add(model, config, shard, tensor, &mut all)?;
            }
        }
    }
    Ok(all)
}

fn add(
    model: &Model<'_>,
    config: &Config,
    shard: usize,
    tensor: &GgufTensor,
    all: &mut Vec<ForeignTensor>,
) -> Result<(), TensorsError> {
    let row = model.row;
    let number = |field: &str| config.get(field).and_then(|value| value.as_u64());
    let blocks = number("num_hidden_layers").unwrap_or(0);
    let Some(name) = Name::of(&tensor.name, blocks) else {
        return Err(no_place(model, tensor));
    };
    if let (Some(stems), true) = (row.parts_of_qkv, name.pattern == QKV) {
        return split(
            model,
            config,
            (shard, tensor),
            stems.map(|stem| name.with(row.prefix, stem)),
            all,
        );
    }
    let found = match name.pattern == HEAD && row.head {
        true => format!("lm_head.{}", name.end),
        false => match stem_of(row, &name.pattern) {
            Some(stem) => name.with(row.prefix, stem),
            None => return Err(no_place(model, tensor)),
        },
    };
    let moved = row.moved_rows && ["blk.{}.attn_q", "blk.{}.attn_k"].contains(&&*name.pattern);
    let head_rows = match moved {
        true => number("head_dim").unwrap_or(0) as usize,
        false => 0,
    };
    check_heads(model, tensor, head_rows)?;
    all.push(ForeignTensor {
        head_rows,
        plus_one: row.plus_one && name.pattern.ends_with("norm"),
        ..placed(shard, tensor, found)
    });
    Ok(())
}

fn stem_of(row: &Row, pattern: &str) -> Option<&'static str> {
    let found = row.tensors.iter().find(|(own, _)| *own == pattern);
    found.map(|(_, stem)| *stem)
}

fn no_place(model: &Model<'_>, tensor: &GgufTensor) -> TensorsError {
    let reason = format!(
        "kerf's network of {} has no place for this tensor, and without it would compute something else",
        model.row.id
    );
    model.keys.refuse(&tensor.name, reason, ORIGINAL)
}

/// Checks that rows which were moved form whole heads with an even number of rows.
fn check_heads(
    model: &Model<'_>,
    tensor: &GgufTensor,
    head_rows: usize,
) -> Result<(), TensorsError> {
    let rows = tensor.shape[0];
    let fits = head_rows == 0 || (head_rows.is_multiple_of(2) && rows.is_multiple_of(head_rows));
    match fits {
        true => Ok(()),
        false => {
            let reason = format!("it has {rows} rows, which are no heads of {head_rows}");
            Err(model.keys.refuse(&tensor.name, reason, AGAIN))
        }
    }
}

/// Splits a tensor with queries, keys and values one after the other into three.
fn split(
    model: &Model<'_>,
    config: &Config,
    (shard, tensor): (usize, &GgufTensor),
    names: [String; 3],
    all: &mut Vec<ForeignTensor>,
) -> Result<(), TensorsError> {
    let number = |field: &str| config[field].as_u64().unwrap_or(0) as usize;
    let (heads, kv) = (number("num_attention_heads"), number("num_key_value_heads"));
    let parts = [heads, kv, kv].map(|heads| heads.saturating_mul(number("head_dim")));
    let rows: usize = parts.iter().fold(0, |sum, part| sum.saturating_add(*part));
    if rows != tensor.shape[0] || rows == 0 {
        let reason = format!(
            "it has {} rows, where heads of queries, keys and values have {rows}",
            tensor.shape[0]
        );
        return Err(model.keys.refuse(&tensor.name, reason, AGAIN));
    }
    let row_bytes = tensor.len_bytes / rows as u64;
    let mut first = 0;
    for (name, part) in names.into_iter().zip(parts) {
        let mut shape = tensor.shape.clone();
        shape[0] = part;
        all.push(ForeignTensor {
            shape,
            offset: tensor.offset + first as u64 * row_bytes,
            len_bytes: part as u64 * row_bytes,
            ..placed(shard, tensor, name)
        });
        first += part;
    }
    Ok(())
}

/// The parts of a tensor's name.
struct Name<'a> {
    /// The stem, with `{}` for the number of the block.
    pattern: String,
    block: Option<u64>,
    /// `weight` or `bias`.
    end: &'a str,
}

impl<'a> Name<'a> {
    /// Parses a name. `None` if no tensor of a model with `blocks` blocks has it.
    fn of(name: &'a str, blocks: u64) -> Option<Self> {
        let (stem, end) = name.rsplit_once('.')?;
        if !["weight", "bias"].contains(&end) {
            return None;
        }
        let Some(rest) = stem.strip_prefix("blk.") else {
            return Some(Self {
                pattern: stem.to_owned(),
                block: None,
                end,
            });
        };
        let (number, rest) = rest.split_once('.')?;
        let block: u64 = number.parse().ok().filter(|block| *block < blocks)?;
        // The number must be written without leading zeros.
        (block.to_string() == number).then(|| Self {
            pattern: format!("blk.{{}}.{rest}"),
            block: Some(block),
            end,
        })
    }

    fn with(&self, prefix: &str, stem: &str) -> String {
        let stem = match self.block {
            Some(block) => stem.replace("{}", &block.to_string()),
            None => stem.to_owned(),
        };
        format!("{prefix}{stem}.{}", self.end)
    }
}
