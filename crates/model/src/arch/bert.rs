//! BERT and the sentence encoders built on it (Devlin et al., arXiv 1810.04805). Pooler and heads are not computed.

use super::*;

pub(super) static BERT: Architecture = Architecture {
    id: "bert",
    model_types: &["bert"],
    kind: Kind::Encoder,
    prefixes: &["", "bert."],
    fields: Fields {
        hidden: "hidden_size",
        blocks: "num_hidden_layers",
        heads: "num_attention_heads",
        kv_heads: None,
        head_dim: None,
        intermediate: "intermediate_size",
        vocab: "vocab_size",
        positions: ("max_position_embeddings", 512),
        norm_eps: ("layer_norm_eps", 1e-12),
        activation: ("hidden_act", "gelu"),
    },
    fixed: &[
        ("position_embedding_type", Fixed::Text("absolute")),
        ("is_decoder", Fixed::Flag(false)),
    ],
    embeddings: EmbeddingNames {
        token: "embeddings.word_embeddings",
        token_type: Some(("embeddings.token_type_embeddings", "type_vocab_size")),
        norm: Some("embeddings.LayerNorm"),
    },
    block: BlockNames {
        linears: &[
            LinearRow {
                role: Role::Q,
                stem: "encoder.layer.{}.attention.self.query",
                bias: Bias::Always,
            },
            LinearRow {
                role: Role::K,
                stem: "encoder.layer.{}.attention.self.key",
                bias: Bias::Always,
            },
            LinearRow {
                role: Role::V,
                stem: "encoder.layer.{}.attention.self.value",
                bias: Bias::Always,
            },
            LinearRow {
                role: Role::O,
                stem: "encoder.layer.{}.attention.output.dense",
                bias: Bias::Always,
            },
            LinearRow {
                role: Role::Up,
                stem: "encoder.layer.{}.intermediate.dense",
                bias: Bias::Always,
            },
            LinearRow {
                role: Role::Down,
                stem: "encoder.layer.{}.output.dense",
                bias: Bias::Always,
            },
        ],
        attention_norm: "encoder.layer.{}.attention.output.LayerNorm",
        mlp_norm: "encoder.layer.{}.output.LayerNorm",
    },
    norm: Norm::Layer,
    norm_order: NormOrder::Post,
    positions: Positions::Learned("embeddings.position_embeddings"),
    final_norm: None,
    head: None,
};
