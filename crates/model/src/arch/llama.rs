//! LLaMA and what shares its layout (Touvron et al., arXiv 2302.13971; 3.1: arXiv 2407.21783).

use super::*;

pub(super) static LLAMA: Architecture = Architecture {
    id: "llama",
    model_types: &["llama"],
    kind: Kind::Decoder,
    prefixes: &["model.", ""],
    fields: Fields {
        hidden: "hidden_size",
        blocks: "num_hidden_layers",
        heads: "num_attention_heads",
        kv_heads: Some("num_key_value_heads"),
        head_dim: Some("head_dim"),
        intermediate: "intermediate_size",
        vocab: "vocab_size",
        positions: ("max_position_embeddings", 2048),
        norm_eps: ("rms_norm_eps", 1e-6),
        activation: ("hidden_act", "silu"),
    },
    fixed: &[],
    embeddings: EmbeddingNames {
        token: "embed_tokens",
        token_type: None,
        norm: None,
    },
    block: BlockNames {
        linears: &[
            LinearRow {
                role: Role::Q,
                stem: "layers.{}.self_attn.q_proj",
                bias: Bias::Field("attention_bias"),
            },
            LinearRow {
                role: Role::K,
                stem: "layers.{}.self_attn.k_proj",
                bias: Bias::Field("attention_bias"),
            },
            LinearRow {
                role: Role::V,
                stem: "layers.{}.self_attn.v_proj",
                bias: Bias::Field("attention_bias"),
            },
            LinearRow {
                role: Role::O,
                stem: "layers.{}.self_attn.o_proj",
                bias: Bias::Field("attention_bias"),
            },
            LinearRow {
                role: Role::Gate,
                stem: "layers.{}.mlp.gate_proj",
                bias: Bias::Field("mlp_bias"),
            },
            LinearRow {
                role: Role::Up,
                stem: "layers.{}.mlp.up_proj",
                bias: Bias::Field("mlp_bias"),
            },
            LinearRow {
                role: Role::Down,
                stem: "layers.{}.mlp.down_proj",
                bias: Bias::Field("mlp_bias"),
            },
        ],
        attention_norm: "layers.{}.input_layernorm",
        mlp_norm: "layers.{}.post_attention_layernorm",
    },
    norm: Norm::Rms,
    norm_order: NormOrder::Pre,
    positions: Positions::Rope,
    final_norm: Some("norm"),
    head: Some(Head {
        stem: "lm_head",
        tied: ("tie_word_embeddings", false),
    }),
};
