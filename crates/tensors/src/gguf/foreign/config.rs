//! Makes config.json from a GGUF file: the sizes from its values, the other fields from its architecture.

use super::architectures::{Config, Rotation};
use super::keys::{AGAIN, ORIGINAL};
use super::{Model, rope};
use crate::TensorsError;
use serde_json::json;

/// Name of the token embedding. Its rows give the size of the vocabulary.
const TOKENS: &str = "token_embd.weight";
/// Name of the head, if it is a tensor of its own.
const HEAD: &str = "output.weight";

/// Most blocks. The configuration has lists with one element for each block, so a damaged number could ask for much memory.
const MOST_BLOCKS: u64 = 1 << 12;

/// All fields of config.json. `GGUF_UNSUPPORTED` for a missing size, or for a value that the network does not support.
pub(super) fn config(model: &Model<'_>) -> Result<Config, TensorsError> {
    let (keys, row) = (&model.keys, model.row);
    let mut config = Config::new();
    let mut put = |field: &str, value| config.insert(field.to_owned(), value);
    put("architectures", json!([row.class]));
    put("model_type", json!(row.model_type));
    let hidden = keys.size(".embedding_length")?;
    let heads = keys.size(".attention.head_count")?;
    put("hidden_size", json!(hidden));
    put(
        "intermediate_size",
        json!(keys.size(".feed_forward_length")?),
    );
    let blocks = keys.size(".block_count")?;
    if blocks > MOST_BLOCKS {
        let reason = format!("it is {blocks}, more than any model has");
        return Err(keys.refuse(".block_count", reason, AGAIN));
    }
    put("num_hidden_layers", json!(blocks));
    put("num_attention_heads", json!(heads));
    put(
        "max_position_embeddings",
        json!(keys.size(".context_length")?),
    );
    put("vocab_size", json!(vocabulary(model)?));
    let kv_heads = keys.whole(".attention.head_count_kv")?.unwrap_or(heads);
    let head_dim = head_dim(model, hidden, heads)?;
    if row.heads_apart {
        put("num_key_value_heads", json!(kv_heads));
        put("head_dim", json!(head_dim));
    } else if kv_heads != heads || head_dim * heads != hidden {
        let reason = "heads of keys are fewer than those of queries, or of another width, which this architecture has not";
        return Err(keys.refuse(".attention.head_count_kv", reason, ORIGINAL));
    }
    let (key, field) = row.eps;
    match keys.number(key)? {
        Some(eps) => put(field, json!(eps)),
        None => return Err(keys.refuse(key, "the file does not say it", AGAIN)),
    };
    if row.head {
        put("tie_word_embeddings", json!(!model.has(HEAD)));
    }
    // The tokenizer sets these fields. Without one they are null, because classes of transformers have defaults of their own.
    for field in ["bos_token_id", "eos_token_id", "pad_token_id"] {
        put(field, serde_json::Value::Null);
    }
    // llama.cpp computes in f32 between matrices.
    put("torch_dtype", json!("float32"));
    if row.rope != Rotation::None {
        rope::add(model, head_dim, &mut config)?;
    }
    (row.more)(model, &mut config)?;
    Ok(config)
}

/// Number of rows of the token embedding.
fn vocabulary(model: &Model<'_>) -> Result<usize, TensorsError> {
    match model.tensor(TOKENS) {
        Some((_, tensor)) if tensor.shape.len() == 2 => Ok(tensor.shape[0]),
        _ => {
            let reason = "the file has no such matrix";
            Err(model
                .keys
                .refuse(TOKENS, reason, "fetch the file of the whole model"))
        }
    }
}

/// Width of a head. Heads of values must have the same width as heads of keys.
fn head_dim(model: &Model<'_>, hidden: u64, heads: u64) -> Result<u64, TensorsError> {
    let keys = &model.keys;
    let (of_key, of_value) = (".attention.key_length", ".attention.value_length");
    let usual = hidden / heads;
    let key = keys.whole(of_key)?.unwrap_or(usual);
    let value = keys.whole(of_value)?.unwrap_or(usual);
    if key != value || key == 0 {
        let reason =
            format!("it is {value}, and keys have {key}: kerf's networks have one width for both");
        return Err(keys.refuse(of_value, reason, ORIGINAL));
    }
    Ok(key)
}
