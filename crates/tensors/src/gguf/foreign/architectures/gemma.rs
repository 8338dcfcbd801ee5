//! Gemma 1 to 3, the text models. Their norms are stored with 1 added. Some facts about the later models are in llama.cpp's code
//! only, not in the file.

use super::llama::{LLAMA, TENSORS};
use super::{Config, Model, Row};
use crate::TensorsError;
use crate::gguf::Found;
use crate::gguf::foreign::keys::AGAIN;
use serde_json::json;

pub(super) const GEMMA: Row = Row {
    id: "gemma",
    model_type: "gemma",
    class: "GemmaForCausalLM",
    moved_rows: false,
    plus_one: true,
    more: gemma,
    ..LLAMA
};

fn gemma(_: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    config.insert("hidden_activation".into(), json!("gelu_pytorch_tanh"));
    Ok(())
}

/// Each block has four norms. `ffn_norm` is the norm before the MLP.
const FOUR_NORMS: &[(&str, &str)] = &[
    TENSORS[0],
    TENSORS[1],
    TENSORS[2],
    TENSORS[3],
    TENSORS[4],
    TENSORS[5],
    TENSORS[6],
    TENSORS[7],
    TENSORS[8],
    (
        "blk.{}.post_attention_norm",
        "layers.{}.post_attention_layernorm",
    ),
    ("blk.{}.ffn_norm", "layers.{}.pre_feedforward_layernorm"),
    (
        "blk.{}.post_ffw_norm",
        "layers.{}.post_feedforward_layernorm",
    ),
    TENSORS[10],
    TENSORS[11],
    TENSORS[12],
];

pub(super) const GEMMA2: Row = Row {
    id: "gemma2",
    model_type: "gemma2",
    class: "Gemma2ForCausalLM",
    tensors: FOUR_NORMS,
    more: gemma2,
    ..GEMMA
};

fn gemma2(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    let keys = &model.keys;
    let attention = keys.number(".attn_logit_softcapping")?.unwrap_or(50.0);
    let logits = keys.number(".final_logit_softcapping")?.unwrap_or(30.0);
    config.insert("attn_logit_softcapping".into(), json!(attention));
    config.insert("final_logit_softcapping".into(), json!(logits));
    // The model of 27 billion weights has 46 blocks.
    scores(model, config, 46)?;
    windows(model, config, 2, 4096)?;
    gemma(model, config)
}

pub(super) const GEMMA3: Row = Row {
    id: "gemma3",
    model_type: "gemma3_text",
    class: "Gemma3ForCausalLM",
    more: gemma3,
    ..GEMMA2
};

fn gemma3(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    let keys = &model.keys;
    let local = keys.number(".rope.freq_base_swa")?.unwrap_or(10_000.0);
    config.insert("rope_local_base_freq".into(), json!(local));
    let logits = keys.number(".final_logit_softcapping")?;
    config.insert("final_logit_softcapping".into(), json!(logits));
    // The model of 27 billion weights has 62 blocks.
    scores(model, config, 62)?;
    windows(model, config, 6, 1024)?;
    gemma(model, config)
}

/// The divisor of the attention scores: the width of a head. In the largest model it is the hidden width divided by the number of
/// heads.
fn scores(model: &Model<'_>, config: &mut Config, largest: u64) -> Result<(), TensorsError> {
    let keys = &model.keys;
    let heads = keys.size(".attention.head_count")?;
    let scalar = match keys.size(".block_count")? == largest {
        true => json!(keys.size(".embedding_length")? / heads),
        false => config["head_dim"].clone(),
    };
    config.insert("query_pre_attn_scalar".into(), scalar);
    Ok(())
}

/// The blocks with a window: those that the file names, or all but the last of every `pattern` blocks.
fn windows(
    model: &Model<'_>,
    config: &mut Config,
    pattern: u64,
    width: u64,
) -> Result<(), TensorsError> {
    const PATTERN: &str = ".attention.sliding_window_pattern";
    let keys = &model.keys;
    let width = keys.whole(".attention.sliding_window")?.unwrap_or(width);
    let blocks = keys.size(".block_count")?;
    let windowed: Vec<bool> = match keys.get(PATTERN) {
        Some(Found::Flags(flags)) if flags.len() as u64 == blocks => flags.clone(),
        Some(Found::Flags(_)) => {
            return Err(keys.refuse(PATTERN, "it has not one element for each block", AGAIN));
        }
        _ => {
            let pattern = keys.whole(PATTERN)?.unwrap_or(pattern).max(1);
            (1..=blocks)
                .map(|block| !block.is_multiple_of(pattern))
                .collect()
        }
    };
    let kind = |windowed: &bool| match windowed {
        true => "sliding_attention",
        false => "full_attention",
    };
    let kinds: Vec<&str> = windowed.iter().map(kind).collect();
    config.insert("sliding_window".into(), json!(width));
    config.insert("layer_types".into(), json!(kinds));
    Ok(())
}
