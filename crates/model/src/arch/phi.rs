//! Phi 1, 1.5 and 2 (Gunasekar et al., arXiv 2306.11644): attention and MLP side by side, both on the one norm of a block.

use super::llama::LLAMA;
use super::*;

pub(super) const PHI: Architecture = Architecture {
    id: "phi",
    model_types: &["phi"],
    fields: Fields {
        head_dim: None,
        norm_eps: setting("layer_norm_eps", 1e-5),
        activation: setting("hidden_act", Activation::GeluTanh),
        ..LLAMA.fields
    },
    fixed: &[must("qk_layernorm", Fixed::Flag(false))],
    block: BlockNames {
        linears: &[
            linear(Role::Q, "layers.{}.self_attn.q_proj", Bias::Always),
            linear(Role::K, "layers.{}.self_attn.k_proj", Bias::Always),
            linear(Role::V, "layers.{}.self_attn.v_proj", Bias::Always),
            linear(Role::O, "layers.{}.self_attn.dense", Bias::Always),
            linear(Role::Up, "layers.{}.mlp.fc1", Bias::Always),
            linear(Role::Down, "layers.{}.mlp.fc2", Bias::Always),
        ],
        mlp_norm: None,
        ..LLAMA.block
    },
    norm: Norm::Layer,
    norm_bias: Bias::Always,
    order: Order::Parallel,
    positions: Positions::Rope(RopeFields {
        theta: setting("rope_theta", 10_000.0),
        fraction: setting("partial_rotary_factor", 0.5),
        local_theta: None,
        skipped: None,
    }),
    final_norm: Some("final_layernorm"),
    gguf: None,
    ..LLAMA
};
