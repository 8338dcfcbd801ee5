//! Gemma 2 (arXiv 2408.00118): four norms a block, soft caps, and a window in every other block.

use super::gemma::GEMMA;
use super::*;

pub(super) const GEMMA2: Architecture = Architecture {
    id: "gemma2",
    model_types: &["gemma2"],
    block: BlockNames {
        attention_output_norm: Some("layers.{}.post_attention_layernorm"),
        mlp_norm: Some("layers.{}.pre_feedforward_layernorm"),
        mlp_output_norm: Some("layers.{}.post_feedforward_layernorm"),
        ..GEMMA.block
    },
    attention: Attention {
        scale: Some(setting("query_pre_attn_scalar", 256.0)),
        cap: Some(setting("attn_logit_softcapping", Some(50.0))),
        window: Some(Window {
            width: setting("sliding_window", Some(4096)),
            enabled: None,
            layers: WindowLayers::AllButLastOf(setting("sliding_window_pattern", 2)),
        }),
        distance_bias: None,
    },
    head: Some(Head {
        stem: "lm_head",
        tied: setting("tie_word_embeddings", true),
        cap: Some(setting("final_logit_softcapping", Some(30.0))),
    }),
    gguf: Some(Gguf {
        architecture: "gemma2",
        moved_rows: false,
        rope_factors: false,
        window: true,
    }),
    ..GEMMA
};
