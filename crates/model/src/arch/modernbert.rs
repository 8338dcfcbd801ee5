//! ModernBERT (Warner et al., arXiv 2412.13663): rotary positions, norms before the parts, a gated MLP, and a window in two of three
//! blocks.

use super::bert::BERT;
use super::*;

pub(super) const MODERNBERT: Architecture = Architecture {
    id: "modernbert",
    model_types: &["modernbert"],
    prefixes: &["", "model."],
    fields: Fields {
        positions: setting("max_position_embeddings", 8192),
        norm_eps: setting("norm_eps", 1e-5),
        activation: setting("hidden_activation", Activation::GeluErf),
        ..BERT.fields
    },
    fixed: &[],
    embeddings: EmbeddingNames {
        token: "embeddings.tok_embeddings",
        token_type: None,
        norm: Some("embeddings.norm"),
        scaled: false,
    },
    block: BlockNames {
        linears: &[
            linear(Role::Qkv, "layers.{}.attn.Wqkv", ATTENTION_BIAS),
            linear(Role::O, "layers.{}.attn.Wo", ATTENTION_BIAS),
            linear(Role::GateUp, "layers.{}.mlp.Wi", MLP_BIAS),
            linear(Role::Down, "layers.{}.mlp.Wo", MLP_BIAS),
        ],
        attention_norm: "layers.{}.attn_norm",
        mlp_norm: Some("layers.{}.mlp_norm"),
        bare_first: true,
        ..BERT.block
    },
    norm_bias: Bias::Field("norm_bias"),
    order: Order::Pre,
    attention: Attention {
        window: Some(Window {
            width: setting("local_attention", Some(128)),
            enabled: None,
            layers: WindowLayers::AllButFirstOf(setting("global_attn_every_n_layers", 3)),
        }),
        ..PLAIN_ATTENTION
    },
    positions: Positions::Rope(RopeFields {
        theta: setting("global_rope_theta", 160_000.0),
        fraction: all_of_a_head(),
        local_theta: Some(setting("local_rope_theta", 10_000.0)),
        skipped: None,
    }),
    final_norm: Some("final_norm"),
    copies: &["decoder"],
    unopened: Some(
        "transformers (5.24) asks each block for the weights of its layers when it has loaded them, and a compressed layer has none",
    ),
    ..BERT
};

const ATTENTION_BIAS: Bias = Bias::Field("attention_bias");
const MLP_BIAS: Bias = Bias::Field("mlp_bias");
