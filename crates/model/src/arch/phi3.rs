//! Phi 3 and 4 (Abdin et al., arXiv 2404.14219): LLaMA with one matrix for queries, keys and values and one for gate and up. Those
//! with `longrope` scaling are refused.

use super::llama::LLAMA;
use super::*;

pub(super) const PHI3: Architecture = Architecture {
    id: "phi3",
    model_types: &["phi3"],
    block: BlockNames {
        linears: &[
            linear(Role::Qkv, "layers.{}.self_attn.qkv_proj", Bias::AsStored),
            linear(Role::O, "layers.{}.self_attn.o_proj", Bias::AsStored),
            linear(Role::GateUp, "layers.{}.mlp.gate_up_proj", Bias::AsStored),
            linear(Role::Down, "layers.{}.mlp.down_proj", Bias::AsStored),
        ],
        ..LLAMA.block
    },
    attention: Attention {
        window: Some(Window {
            width: setting("sliding_window", None),
            enabled: None,
            layers: WindowLayers::All,
        }),
        ..PLAIN_ATTENTION
    },
    ..LLAMA
};
