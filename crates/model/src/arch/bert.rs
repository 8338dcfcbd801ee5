//! BERT and the sentence encoders built on it (Devlin et al., arXiv 1810.04805). Pooler and heads are not computed.

use super::*;

pub(super) const BERT: Architecture = Architecture {
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
        intermediate_times: None,
        vocab: "vocab_size",
        positions: setting("max_position_embeddings", 512),
        norm_eps: setting("layer_norm_eps", 1e-12),
        activation: setting("hidden_act", Activation::GeluErf),
    },
    fixed: &[
        must("position_embedding_type", Fixed::Text("absolute")),
        must("is_decoder", Fixed::Flag(false)),
    ],
    embeddings: EmbeddingNames {
        token: "embeddings.word_embeddings",
        token_type: Some(TypeEmbedding {
            stem: "embeddings.token_type_embeddings",
            count: setting("type_vocab_size", 2),
        }),
        norm: Some("embeddings.LayerNorm"),
        scaled: false,
    },
    block: BlockNames {
        linears: &[
            linear(
                Role::Q,
                "encoder.layer.{}.attention.self.query",
                Bias::Always,
            ),
            linear(Role::K, "encoder.layer.{}.attention.self.key", Bias::Always),
            linear(
                Role::V,
                "encoder.layer.{}.attention.self.value",
                Bias::Always,
            ),
            linear(
                Role::O,
                "encoder.layer.{}.attention.output.dense",
                Bias::Always,
            ),
            linear(
                Role::Up,
                "encoder.layer.{}.intermediate.dense",
                Bias::Always,
            ),
            linear(Role::Down, "encoder.layer.{}.output.dense", Bias::Always),
        ],
        attention_norm: "encoder.layer.{}.attention.output.LayerNorm",
        mlp_norm: Some("encoder.layer.{}.output.LayerNorm"),
        attention_output_norm: None,
        mlp_output_norm: None,
        query_norm: None,
        key_norm: None,
        bare_first: false,
    },
    norm: Norm::Layer,
    norm_bias: Bias::Always,
    order: Order::Post,
    attention: PLAIN_ATTENTION,
    positions: learned("embeddings.position_embeddings"),
    final_norm: None,
    head: None,
    head_aliases: &[],
    unopened: None,
    gguf: None,
    dead: &["embeddings.position_ids", "embeddings.token_type_ids"],
    copies: &["cls.predictions.decoder"],
};
