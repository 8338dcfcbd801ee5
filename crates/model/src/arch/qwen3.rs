//! Qwen 3, the dense ones (Yang et al., arXiv 2505.09388): LLaMA with norms of query and key heads.

use super::llama::LLAMA;
use super::qwen2::QWEN_ATTENTION;
use super::*;

pub(super) const QWEN3: Architecture = Architecture {
    id: "qwen3",
    model_types: &["qwen3"],
    block: BlockNames {
        query_norm: Some("layers.{}.self_attn.q_norm"),
        key_norm: Some("layers.{}.self_attn.k_norm"),
        ..LLAMA.block
    },
    attention: QWEN_ATTENTION,
    gguf: gguf("qwen3"),
    ..LLAMA
};
