//! Phi: 1, 1.5 and 2 (`phi2`), and 3 and 4 (`phi3`).

use super::llama::LLAMA;
use super::{Config, Model, Rotation, Row};
use crate::TensorsError;
use serde_json::json;

pub(super) const PHI2: Row = Row {
    id: "phi2",
    model_type: "phi",
    class: "PhiForCausalLM",
    tensors: &[
        ("token_embd", "embed_tokens"),
        ("output_norm", "final_layernorm"),
        ("blk.{}.attn_norm", "layers.{}.input_layernorm"),
        ("blk.{}.attn_q", "layers.{}.self_attn.q_proj"),
        ("blk.{}.attn_k", "layers.{}.self_attn.k_proj"),
        ("blk.{}.attn_v", "layers.{}.self_attn.v_proj"),
        ("blk.{}.attn_output", "layers.{}.self_attn.dense"),
        ("blk.{}.ffn_up", "layers.{}.mlp.fc1"),
        ("blk.{}.ffn_down", "layers.{}.mlp.fc2"),
    ],
    parts_of_qkv: Some([
        "layers.{}.self_attn.q_proj",
        "layers.{}.self_attn.k_proj",
        "layers.{}.self_attn.v_proj",
    ]),
    moved_rows: false,
    eps: (".attention.layer_norm_epsilon", "layer_norm_eps"),
    rope: Rotation::Part,
    more: phi2,
    ..LLAMA
};

fn phi2(_: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    config.insert("hidden_act".into(), json!("gelu_new"));
    config.insert("qk_layernorm".into(), json!(false));
    Ok(())
}

pub(super) const PHI3: Row = Row {
    id: "phi3",
    model_type: "phi3",
    class: "Phi3ForCausalLM",
    tensors: &[
        ("token_embd", "embed_tokens"),
        ("output_norm", "norm"),
        ("blk.{}.attn_norm", "layers.{}.input_layernorm"),
        ("blk.{}.attn_qkv", "layers.{}.self_attn.qkv_proj"),
        ("blk.{}.attn_output", "layers.{}.self_attn.o_proj"),
        ("blk.{}.ffn_norm", "layers.{}.post_attention_layernorm"),
        ("blk.{}.ffn_up", "layers.{}.mlp.gate_up_proj"),
        ("blk.{}.ffn_down", "layers.{}.mlp.down_proj"),
    ],
    moved_rows: false,
    rope: Rotation::Part,
    more: phi3,
    ..LLAMA
};

fn phi3(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    let keys = &model.keys;
    let window = keys.whole(".attention.sliding_window")?;
    config.insert(
        "sliding_window".into(),
        json!(window.filter(|width| *width > 0)),
    );
    if let Some(first) = keys.whole(".rope.scaling.original_context_length")? {
        config.insert("original_max_position_embeddings".into(), json!(first));
    }
    // The attention factor of longrope. It has an effect only together with the factors of frequencies.
    keys.number(".rope.scaling.attn_factor")?;
    config.insert("hidden_act".into(), json!("silu"));
    Ok(())
}
