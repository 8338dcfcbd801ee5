//! Qwen 2 and 2.5 (Yang et al., arXiv 2407.10671): LLaMA with biases of queries, keys and values, and a window in later blocks where
//! the configuration asks for it.

use super::llama::LLAMA;
use super::*;

pub(super) const QWEN2: Architecture = Architecture {
    id: "qwen2",
    model_types: &["qwen2"],
    block: BlockNames {
        linears: &[
            linear(Role::Q, "layers.{}.self_attn.q_proj", Bias::Always),
            linear(Role::K, "layers.{}.self_attn.k_proj", Bias::Always),
            linear(Role::V, "layers.{}.self_attn.v_proj", Bias::Always),
            linear(Role::O, "layers.{}.self_attn.o_proj", Bias::AsStored),
            linear(Role::Gate, "layers.{}.mlp.gate_proj", Bias::AsStored),
            linear(Role::Up, "layers.{}.mlp.up_proj", Bias::AsStored),
            linear(Role::Down, "layers.{}.mlp.down_proj", Bias::AsStored),
        ],
        ..LLAMA.block
    },
    attention: QWEN_ATTENTION,
    gguf: gguf("qwen2"),
    ..LLAMA
};

pub(super) const QWEN_ATTENTION: Attention = Attention {
    window: Some(Window {
        width: setting("sliding_window", Some(4096)),
        enabled: Some(setting("use_sliding_window", false)),
        layers: WindowLayers::From(setting("max_window_layers", 28)),
    }),
    ..PLAIN_ATTENTION
};
