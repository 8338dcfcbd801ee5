//! BERT and Nomic Embed.

use super::{Config, Model, Rotation, Row};
use crate::TensorsError;
use crate::gguf::foreign::keys::ORIGINAL;
use serde_json::json;

pub(super) const BERT: Row = Row {
    id: "bert",
    model_type: "bert",
    class: "BertModel",
    prefix: "",
    tensors: &[
        ("token_embd", "embeddings.word_embeddings"),
        ("token_types", "embeddings.token_type_embeddings"),
        ("position_embd", "embeddings.position_embeddings"),
        ("token_embd_norm", "embeddings.LayerNorm"),
        ("blk.{}.attn_q", "encoder.layer.{}.attention.self.query"),
        ("blk.{}.attn_k", "encoder.layer.{}.attention.self.key"),
        ("blk.{}.attn_v", "encoder.layer.{}.attention.self.value"),
        (
            "blk.{}.attn_output",
            "encoder.layer.{}.attention.output.dense",
        ),
        (
            "blk.{}.attn_output_norm",
            "encoder.layer.{}.attention.output.LayerNorm",
        ),
        ("blk.{}.ffn_up", "encoder.layer.{}.intermediate.dense"),
        ("blk.{}.ffn_down", "encoder.layer.{}.output.dense"),
        (
            "blk.{}.layer_output_norm",
            "encoder.layer.{}.output.LayerNorm",
        ),
    ],
    parts_of_qkv: None,
    moved_rows: false,
    plus_one: false,
    eps: (".attention.layer_norm_epsilon", "layer_norm_eps"),
    head: false,
    heads_apart: false,
    rope: Rotation::None,
    more: bert,
};

fn bert(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    config.insert("hidden_act".into(), json!("gelu"));
    config.insert("position_embedding_type".into(), json!("absolute"));
    // The size of the table decides, because converters leave out rows without a position.
    if let Some((_, table)) = model.tensor("position_embd.weight") {
        config.insert("max_position_embeddings".into(), json!(table.shape[0]));
    }
    encoder(model, config)
}

/// Fields that all encoders share.
fn encoder(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    let keys = &model.keys;
    if keys.flag(".attention.causal")? == Some(true) {
        let reason =
            "it is true: each token sees only those before it, which kerf's encoders do not do";
        return Err(keys.refuse(".attention.causal", reason, ORIGINAL));
    }
    if let Some((_, table)) = model.tensor("token_types.weight") {
        config.insert("type_vocab_size".into(), json!(table.shape[0]));
    }
    Ok(())
}

pub(super) const NOMIC_BERT: Row = Row {
    id: "nomic-bert",
    model_type: "nomic_bert",
    class: "NomicBertModel",
    tensors: &[
        ("token_embd", "embeddings.word_embeddings"),
        ("token_types", "embeddings.token_type_embeddings"),
        ("token_embd_norm", "emb_ln"),
        ("blk.{}.attn_qkv", "encoder.layers.{}.attn.Wqkv"),
        ("blk.{}.attn_output", "encoder.layers.{}.attn.out_proj"),
        ("blk.{}.attn_output_norm", "encoder.layers.{}.norm1"),
        ("blk.{}.ffn_up", "encoder.layers.{}.mlp.fc11"),
        ("blk.{}.ffn_gate", "encoder.layers.{}.mlp.fc12"),
        ("blk.{}.ffn_down", "encoder.layers.{}.mlp.fc2"),
        ("blk.{}.layer_output_norm", "encoder.layers.{}.norm2"),
    ],
    rope: Rotation::Whole,
    more: nomic,
    ..BERT
};

fn nomic(model: &Model<'_>, config: &mut Config) -> Result<(), TensorsError> {
    config.insert("hidden_act".into(), json!("silu"));
    encoder(model, config)
}
