//! GPT-2 (Radford et al. 2019). Its weights are stored as [in, out], and queries, keys and values are one matrix.

use super::llama::LLAMA;
use super::*;

pub(super) const GPT2: Architecture = Architecture {
    id: "gpt2",
    model_types: &["gpt2"],
    prefixes: &["transformer.", ""],
    fields: Fields {
        hidden: "n_embd",
        blocks: "n_layer",
        heads: "n_head",
        kv_heads: None,
        head_dim: None,
        intermediate: "n_inner",
        intermediate_times: Some(4),
        vocab: "vocab_size",
        positions: setting("n_positions", 1024),
        norm_eps: setting("layer_norm_epsilon", 1e-5),
        activation: setting("activation_function", Activation::GeluTanh),
    },
    fixed: &[
        must("scale_attn_weights", Fixed::Flag(true)),
        must("scale_attn_by_inverse_layer_idx", Fixed::Flag(false)),
        must("add_cross_attention", Fixed::Flag(false)),
    ],
    embeddings: EmbeddingNames {
        token: "wte",
        ..LLAMA.embeddings
    },
    block: BlockNames {
        linears: &[
            conv1d(Role::Qkv, "h.{}.attn.c_attn"),
            conv1d(Role::O, "h.{}.attn.c_proj"),
            conv1d(Role::Up, "h.{}.mlp.c_fc"),
            conv1d(Role::Down, "h.{}.mlp.c_proj"),
        ],
        attention_norm: "h.{}.ln_1",
        mlp_norm: Some("h.{}.ln_2"),
        ..LLAMA.block
    },
    norm: Norm::Layer,
    norm_bias: Bias::Always,
    positions: learned("wpe"),
    final_norm: Some("ln_f"),
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", true),
        cap: None,
    }),
    gguf: None,
    // The mask of causal attention, and what stood in the place of minus infinity.
    dead: &["h.{}.attn.bias", "h.{}.attn.masked_bias"],
    ..LLAMA
};

const fn conv1d(role: Role, stem: Name) -> LinearRow {
    LinearRow {
        transposed: true,
        ..linear(role, stem, Bias::Always)
    }
}
