//! OPT (Zhang et al., arXiv 2205.01068), but for the 350 M model, which projects its embeddings and normalises after its parts.

use super::llama::LLAMA;
use super::*;

pub(super) const OPT: Architecture = Architecture {
    id: "opt",
    model_types: &["opt"],
    prefixes: &["model.decoder.", "decoder.", ""],
    fields: Fields {
        kv_heads: None,
        head_dim: None,
        intermediate: "ffn_dim",
        norm_eps: setting("layer_norm_eps", 1e-5),
        activation: setting("activation_function", Activation::Relu),
        ..LLAMA.fields
    },
    fixed: &[
        must("do_layer_norm_before", Fixed::Flag(true)),
        must("word_embed_proj_dim", Fixed::SameAs("hidden_size")),
        must("layer_norm_elementwise_affine", Fixed::Flag(true)),
        must("_remove_final_layer_norm", Fixed::Flag(false)),
    ],
    block: BlockNames {
        linears: &[
            linear(Role::Q, "layers.{}.self_attn.q_proj", BIAS),
            linear(Role::K, "layers.{}.self_attn.k_proj", BIAS),
            linear(Role::V, "layers.{}.self_attn.v_proj", BIAS),
            linear(Role::O, "layers.{}.self_attn.out_proj", BIAS),
            linear(Role::Up, "layers.{}.fc1", BIAS),
            linear(Role::Down, "layers.{}.fc2", BIAS),
        ],
        attention_norm: "layers.{}.self_attn_layer_norm",
        mlp_norm: Some("layers.{}.final_layer_norm"),
        ..LLAMA.block
    },
    norm: Norm::Layer,
    norm_bias: Bias::Always,
    positions: Positions::Learned(LearnedPositions {
        stem: "embed_positions",
        first: 2,
        extra: 2,
    }),
    final_norm: Some("final_layer_norm"),
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", true),
        cap: None,
    }),
    gguf: None,
    dead: &["version"],
    ..LLAMA
};

const BIAS: Bias = Bias::Field("enable_bias");
