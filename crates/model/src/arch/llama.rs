//! LLaMA and what shares its layout (Touvron et al., arXiv 2302.13971; 3.1: arXiv 2407.21783). SmolLM 1 and 2 are this.

use super::*;

pub(super) const LLAMA: Architecture = Architecture {
    id: "llama",
    model_types: &["llama"],
    kind: Kind::Decoder,
    prefixes: &["model.", "", "transformer."],
    fields: Fields {
        hidden: "hidden_size",
        blocks: "num_hidden_layers",
        heads: "num_attention_heads",
        kv_heads: Some("num_key_value_heads"),
        head_dim: Some("head_dim"),
        intermediate: "intermediate_size",
        intermediate_times: None,
        vocab: "vocab_size",
        positions: setting("max_position_embeddings", 2048),
        norm_eps: setting("rms_norm_eps", 1e-6),
        activation: setting("hidden_act", Activation::Silu),
    },
    fixed: &[],
    embeddings: EmbeddingNames {
        token: "embed_tokens",
        token_type: None,
        norm: None,
        scaled: false,
    },
    block: BlockNames {
        linears: &[
            linear(Role::Q, "layers.{}.self_attn.q_proj", ATTENTION_BIAS),
            linear(Role::K, "layers.{}.self_attn.k_proj", ATTENTION_BIAS),
            linear(Role::V, "layers.{}.self_attn.v_proj", ATTENTION_BIAS),
            linear(Role::O, "layers.{}.self_attn.o_proj", ATTENTION_BIAS),
            linear(Role::Gate, "layers.{}.mlp.gate_proj", MLP_BIAS),
            linear(Role::Up, "layers.{}.mlp.up_proj", MLP_BIAS),
            linear(Role::Down, "layers.{}.mlp.down_proj", MLP_BIAS),
        ],
        attention_norm: "layers.{}.input_layernorm",
        mlp_norm: Some("layers.{}.post_attention_layernorm"),
        attention_output_norm: None,
        mlp_output_norm: None,
        query_norm: None,
        key_norm: None,
        bare_first: false,
    },
    norm: Norm::Rms,
    norm_bias: Bias::AsStored,
    order: Order::Pre,
    attention: PLAIN_ATTENTION,
    positions: rope(10_000.0),
    final_norm: Some("norm"),
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", false),
        cap: None,
    }),
    head_aliases: &[],
    unopened: None,
    gguf: Some(Gguf {
        architecture: "llama",
        moved_rows: true,
        rope_factors: true,
        window: false,
    }),
    dead: &[
        "rotary_emb.inv_freq",
        "layers.{}.self_attn.rotary_emb.inv_freq",
    ],
    copies: &[],
};

const ATTENTION_BIAS: Bias = Bias::Field("attention_bias");
const MLP_BIAS: Bias = Bias::Field("mlp_bias");
