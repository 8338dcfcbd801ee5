//! Numbers of one configuration, read and checked. Nothing that config.json says is used before its limit was checked.

use crate::ModelError;
use crate::arch::{Activation, Architecture, Bias, Order, Positions, Setting};
use crate::layers::{self, Layer};
use crate::reader::Reader;
use crate::rope::Ropes;
use serde::Deserialize;
use serde_json::Value;

/// Limits of what a configuration may say: far above every model there is, and small enough that sizes computed from them
/// cannot overflow. Memory is only allocated for tensors that were seen in the file with the promised shape.
pub(crate) mod limits {
    pub const WIDTH: usize = 1 << 18;
    pub const BLOCKS: usize = 1 << 12;
    pub const HEADS: usize = 1 << 14;
    pub const HEAD_DIM: usize = 1 << 12;
    pub const VOCAB: usize = 1 << 24;
    pub const POSITIONS: usize = 1 << 26;
}

/// The numbers of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub intermediate: usize,
    pub vocab: usize,
    /// Most tokens of a sequence.
    pub positions: usize,
    /// Rows of the learned position embedding, and that of the first token.
    pub position_rows: (usize, usize),
    pub token_types: usize,
    pub eps: f32,
    pub activation: Activation,
    /// Pre, Post or Parallel.
    pub order: Order,
    pub tied: bool,
    /// Factor on token embeddings.
    pub embedding_scale: f32,
    /// Factor on attention scores.
    pub score_scale: f32,
    /// Soft cap of attention scores.
    pub score_cap: Option<f32>,
    /// Soft cap of logits.
    pub logit_cap: Option<f32>,
    /// Rows of the table of distance biases.
    pub buckets: usize,
    pub ropes: Option<Ropes>,
    /// Each block.
    pub layers: Vec<Layer>,
    /// For each linear layer of the architecture: must have a bias, must not, or as the file has it.
    pub biases: Vec<Option<bool>>,
    /// The same for the shift of norms.
    pub norm_bias: Option<bool>,
    pub bos: Option<u32>,
    pub eos: Vec<u32>,
}

impl Settings {
    /// Reads and checks. `BAD_CONFIG` names the field.
    pub fn read(arch: &Architecture, reader: &Reader<'_>) -> Result<Self, ModelError> {
        let fields = &arch.fields;
        for requirement in arch.fixed {
            reader.fixed(requirement.field, requirement.value)?;
        }
        let hidden = reader.size(fields.hidden, limits::WIDTH)?;
        let blocks = reader.size(fields.blocks, limits::BLOCKS)?;
        let heads = reader.size(fields.heads, limits::HEADS)?;
        let kv_heads = match fields.kv_heads {
            Some(field) => reader.size_or(field, limits::HEADS, heads)?,
            None => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            let field = fields.kv_heads.unwrap_or(fields.heads);
            return Err(reader.bad(field, format!("a divisor of the {heads} query heads")));
        }
        let head_dim = head_dim(reader, arch, hidden, heads)?;
        let (positions, position_rows) = positions(reader, arch)?;
        let attention = &arch.attention;
        let setting = |setting: Option<Setting<usize>>| match setting {
            Some(setting) => reader.size_or(setting.field, limits::VOCAB, setting.default),
            None => Ok(0),
        };
        let scaled_by = match attention.scale {
            Some(scale) => reader.number(scale.field, Some(scale.default), 1e-6..=1e9)?,
            None => head_dim as f64,
        };
        Ok(Self {
            hidden,
            heads,
            kv_heads,
            head_dim,
            intermediate: intermediate(reader, arch, hidden)?,
            vocab: reader.size(fields.vocab, limits::VOCAB)?,
            positions,
            position_rows,
            token_types: setting(arch.embeddings.token_type.map(|kind| kind.count))?,
            eps: reader.number(
                fields.norm_eps.field,
                Some(fields.norm_eps.default),
                0.0..=1.0,
            )? as f32,
            activation: activation(reader, fields.activation)?,
            order: order(reader, arch)?,
            tied: match &arch.head {
                Some(head) => reader.flag(head.tied.field)?.unwrap_or(head.tied.default),
                None => false,
            },
            embedding_scale: match arch.embeddings.scaled {
                true => embedding_scale(reader, hidden)?,
                false => 1.0,
            },
            score_scale: 1.0 / (scaled_by as f32).sqrt(),
            score_cap: cap(reader, attention.cap)?,
            logit_cap: cap(reader, arch.head.and_then(|head| head.cap))?,
            buckets: setting(attention.distance_bias.map(|bias| bias.buckets))?,
            ropes: match &arch.positions {
                Positions::Rope(fields) => Some(Ropes::read(reader, fields, head_dim, positions)?),
                Positions::Learned(_) => None,
            },
            layers: layers::read(reader, arch, blocks)?,
            biases: biases(reader, arch)?,
            norm_bias: bias(reader, arch.norm_bias)?,
            bos: reader.token("bos_token_id"),
            eos: reader.tokens("eos_token_id"),
        })
    }

    /// Width of all query heads.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, and of all value heads.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

fn head_dim(
    reader: &Reader<'_>,
    arch: &Architecture,
    hidden: usize,
    heads: usize,
) -> Result<usize, ModelError> {
    if let Some(field) = arch.fields.head_dim
        && reader.get(field).is_some()
    {
        return reader.size(field, limits::HEAD_DIM);
    }
    let dim = hidden / heads;
    if !hidden.is_multiple_of(heads) || dim > limits::HEAD_DIM {
        return Err(reader.bad(
            arch.fields.heads,
            format!(
                "a divisor of the width {hidden}, with heads of at most {}",
                limits::HEAD_DIM
            ),
        ));
    }
    Ok(dim)
}

/// Most tokens of a sequence, and of the learned embedding: rows, and the row of the first token.
fn positions(
    reader: &Reader<'_>,
    arch: &Architecture,
) -> Result<(usize, (usize, usize)), ModelError> {
    let field = arch.fields.positions;
    let counted = reader.size_or(field.field, limits::POSITIONS, field.default)?;
    match &arch.positions {
        Positions::Rope(_) => Ok((counted, (0, 0))),
        Positions::Learned(learned) => {
            let rows = counted + learned.extra;
            if rows <= learned.first {
                return Err(reader.bad(field.field, format!("more than {}", learned.first)));
            }
            Ok((rows - learned.first, (rows, learned.first)))
        }
    }
}

fn intermediate(
    reader: &Reader<'_>,
    arch: &Architecture,
    hidden: usize,
) -> Result<usize, ModelError> {
    let field = arch.fields.intermediate;
    match arch.fields.intermediate_times {
        Some(times) => reader.size_or(field, limits::WIDTH, times * hidden),
        None => reader.size(field, limits::WIDTH),
    }
}

fn order(reader: &Reader<'_>, arch: &Architecture) -> Result<Order, ModelError> {
    Ok(match arch.order {
        Order::ParallelUnless(field) if reader.flag(field)? == Some(false) => Order::Pre,
        Order::ParallelUnless(_) => Order::Parallel,
        order => order,
    })
}

/// sqrt(hidden), rounded to the type that the model computes in: what it was trained with.
fn embedding_scale(reader: &Reader<'_>, hidden: usize) -> Result<f32, ModelError> {
    let exact = (hidden as f64).sqrt() as f32;
    let dtype = match reader.text("dtype")? {
        Some(dtype) => dtype,
        None => reader.text("torch_dtype")?.unwrap_or("float32"),
    };
    // Bits of the fraction that the type does not have; half of the last kept one is added before they are cut, with ties
    // to even.
    let cut = match dtype {
        "bfloat16" => 16,
        "float16" => 13,
        _ => return Ok(exact),
    };
    let bits = exact.to_bits();
    let odd = (bits >> cut) & 1;
    let rounded = (bits + (1 << (cut - 1)) - 1 + odd) >> cut << cut;
    Ok(f32::from_bits(rounded))
}

fn cap(
    reader: &Reader<'_>,
    setting: Option<Setting<Option<f64>>>,
) -> Result<Option<f32>, ModelError> {
    let Some(setting) = setting else {
        return Ok(None);
    };
    match reader.stored(setting.field) {
        None => Ok(setting.default.map(|cap| cap as f32)),
        Some(Value::Null) => Ok(None),
        Some(_) => Ok(Some(reader.number(setting.field, None, 1e-3..=1e9)? as f32)),
    }
}

fn activation(reader: &Reader<'_>, setting: Setting<Activation>) -> Result<Activation, ModelError> {
    let Some(name) = reader.text(setting.field)? else {
        return Ok(setting.default);
    };
    Activation::deserialize(&Value::from(name)).map_err(|error| {
        // serde lists the names that it knows.
        let reason = error.to_string();
        let known = reason
            .split_once("expected ")
            .map_or("another", |parts| parts.1);
        reader.bad(setting.field, known.replace('`', ""))
    })
}

fn biases(reader: &Reader<'_>, arch: &Architecture) -> Result<Vec<Option<bool>>, ModelError> {
    let rows = arch.block.linears.iter();
    rows.map(|row| bias(reader, row.bias)).collect()
}

/// Whether there is a bias; `None`: as the file has it.
fn bias(reader: &Reader<'_>, bias: Bias) -> Result<Option<bool>, ModelError> {
    match bias {
        Bias::Always => Ok(Some(true)),
        Bias::AsStored => Ok(None),
        Bias::Field(field) => reader.flag(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_scale_of_embeddings_is_rounded_to_the_type_of_the_model() {
        let scale = |config: Value, hidden| embedding_scale(&Reader::new(&config), hidden).unwrap();
        // torch.tensor(3072 ** 0.5).to(dtype), and of 1152.
        assert_eq!(scale(json!({}), 3072), 55.425_625);
        assert_eq!(scale(json!({"torch_dtype": "bfloat16"}), 3072), 55.5);
        assert_eq!(scale(json!({"dtype": "float16"}), 3072), 55.4375);
        assert_eq!(scale(json!({"dtype": "bfloat16"}), 1152), 34.0);
        assert_eq!(scale(json!({"dtype": "bfloat16"}), 2304), 48.0);
    }
}
