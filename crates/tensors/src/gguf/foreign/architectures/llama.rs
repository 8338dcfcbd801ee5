//! LLaMA, and other models with the same network that llama.cpp's converter calls by that name: Mistral, SmolLM and others.

use super::{Config, Model, Rotation, Row};
use crate::TensorsError;
use serde_json::json;

/// Names of tensors that most decoders have.
pub(super) const TENSORS: &[(&str, &str)] = &[
    ("token_embd", "embed_tokens"),
    ("output_norm", "norm"),
    ("blk.{}.attn_norm", "layers.{}.input_layernorm"),
    ("blk.{}.attn_q", "layers.{}.self_attn.q_proj"),
    ("blk.{}.attn_k", "layers.{}.self_attn.k_proj"),
    ("blk.{}.attn_v", "layers.{}.self_attn.v_proj"),
    ("blk.{}.attn_output", "layers.{}.self_attn.o_proj"),
    ("blk.{}.attn_q_norm", "layers.{}.self_attn.q_norm"),
    ("blk.{}.attn_k_norm", "layers.{}.self_attn.k_norm"),
    ("blk.{}.ffn_norm", "layers.{}.post_attention_layernorm"),
    ("blk.{}.ffn_gate", "layers.{}.mlp.gate_proj"),
    ("blk.{}.ffn_up", "layers.{}.mlp.up_proj"),
    ("blk.{}.ffn_down", "layers.{}.mlp.down_proj"),
];

/// Tensors of decoders without norms of query and key heads.
const WITHOUT_HEAD_NORMS: &[(&str, &str)] = &[
    TENSORS[0],
    TENSORS[1],
    TENSORS[2],
    TENSORS[3],
    TENSORS[4],
    TENSORS[5],
    TENSORS[6],
    TENSORS[9],
    TENSORS[10],
    TENSORS[11],
    TENSORS[12],
];

pub(super) const LLAMA: Row = Row {
    id: "llama",
    model_type: "llama",
    class: "LlamaForCausalLM",
    prefix: "model.",
    tensors: WITHOUT_HEAD_NORMS,
    parts_of_qkv: None,
    moved_rows: true,
    plus_one: false,
    eps: (".attention.layer_norm_rms_epsilon", "rms_norm_eps"),
    head: true,
    heads_apart: true,
    rope: Rotation::Whole,
    more: llama,
};

fn llama(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    config.insert("hidden_act".into(), json!("silu"));
    for (field, stems) in [
        (
            "attention_bias",
            &["attn_q", "attn_k", "attn_v", "attn_output"][..],
        ),
        ("mlp_bias", &["ffn_gate", "ffn_up", "ffn_down"]),
    ] {
        let has = |stem: &&&str| model.has(&format!("blk.0.{stem}.bias"));
        let there = stems.iter().filter(has).count();
        // If only some of the layers have a bias, the field stays absent, and the network reads the biases that are stored.
        if there == 0 || there == stems.len() {
            config.insert(field.into(), json!(there > 0));
        }
    }
    Ok(())
}

pub(super) const SMOLLM3: Row = Row {
    id: "smollm3",
    model_type: "smollm3",
    class: "SmolLM3ForCausalLM",
    more: smollm3,
    ..LLAMA
};

/// In SmolLM3 every fourth block has no rotary positions. The file does not say so.
fn smollm3(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    let blocks = model.keys.size(".block_count")?;
    let turned: Vec<u8> = (1..=blocks).map(|block| u8::from(block % 4 != 0)).collect();
    config.insert("no_rope_layers".into(), json!(turned));
    config.insert("use_sliding_window".into(), json!(false));
    llama(model, config)
}
